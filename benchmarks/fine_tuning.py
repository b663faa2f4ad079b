"""A step of fine-tuning a pretrained encoder with a neuron head, beside the same in plain PyTorch and ``transformers``.

The plain one has the same weights (its logits are checked), the same batches, PyTorch's fused attention, AdamW and
clipping; ours is trained without terms, and with SAFR as ``safr-lens train --backbone`` does. An epoch takes as many
steps as the data has batches.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoModel

from benchmarks.result import Result
from benchmarks.timing import interleaved
from benchmarks.trainees import Corpus, our_step, stepping
from safr_lens import HookedClassifier, SafrPenalty, TrainConfig, load_data
from safr_lens.models.encoder_words import encoder_word_vectors
from safr_lens.penalty.encoder import encoder_penalty
from safr_lens.word_vectors import embedding_table


class PlainFineTuning(nn.Module):
    """An encoder of ``transformers`` and a neuron head, with the weights of a classifier of ours."""

    def __init__(self, source: str, model: HookedClassifier) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(source, attn_implementation="sdpa")
        theirs = model.backbone.head
        (d_model, d_mlp), n_classes = theirs.mlp.W_in.shape, len(model.labels)
        self.norm = nn.LayerNorm(d_model)
        self.w_in, self.w_out = nn.Linear(d_model, d_mlp), nn.Linear(d_mlp, n_classes)
        with torch.no_grad():
            for mine, weight in ((self.w_in, theirs.mlp.W_in), (self.w_out, theirs.mlp.W_out)):
                mine.weight.copy_(weight.T)
                mine.bias.zero_()
        self.special = torch.tensor(model.tokenizer.special_ids)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        vectors = self.encoder(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        logits = self.w_out(F.relu(self.w_in(self.norm(vectors))))
        weights = (mask & ~torch.isin(tokens, self.special)).unsqueeze(-1).to(logits.dtype)
        return (logits * weights).sum(1) / weights.sum(1)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backbone", required=True, help="folder of an encoder, such as MiniLM's")
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--repeats", type=int, default=10, help="steps that are timed of each kind")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--length", type=int, default=128, help="longest text in tokens")


def run(options: argparse.Namespace) -> list[Result]:
    config = TrainConfig(batch_size=options.batch_size, learning_rate=5e-5, weight_decay=0.01)
    data = load_data(options.data)

    def made() -> HookedClassifier:
        settings = {"readout": "neuron_head", "freeze": "none", "n_ctx": options.length}
        return HookedClassifier.from_pretrained_backbone(options.backbone, labels=data.labels, **settings)

    model = made()
    corpus = Corpus(data, model.tokenizer, embedding_table(encoder_word_vectors(model), model.tokenizer))
    batches = corpus.batches(n_ctx=options.length, batch_size=options.batch_size)
    plain = PlainFineTuning(options.backbone, model).eval()
    tokens, mask = batches[0].tokens, batches[0].mask
    with torch.no_grad():
        torch.testing.assert_close(plain(tokens, mask), model(tokens, mask).logits, atol=1e-4, rtol=1e-4)
    steps = {
        "plain": stepping(plain, lambda b: F.cross_entropy(plain(b.tokens, b.mask), b.labels), config, fused=True),
        "no penalty": our_step(made(), corpus, SafrPenalty(site="none", information_weight=0.0), config),
        "SAFR": our_step(model, corpus, encoder_penalty(vmask=False), config),
    }
    kinds = {name: lambda i, step=step: step(batches[i % len(batches)]) for name, step in steps.items()}
    times = interleaved(kinds, repeats=options.repeats, warmup=1)
    ratios = {f"{name} / plain": times[name].times(times["plain"]) for name in ("SAFR", "no penalty")}
    ratios["steps an epoch"] = len(batches)
    return [Result("A step of fine-tuning", [{"step": name, **one.row()} for name, one in times.items()], ratios)]
