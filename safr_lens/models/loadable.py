"""Where a classifier comes from and goes to: a configuration, a pretrained encoder, a folder, the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Self

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from safr_lens.backbones import Freeze, HFClassifierAdapter
from safr_lens.backbones.pretrained.families import family_of
from safr_lens.backbones.pretrained.load import load_classifier, load_encoder
from safr_lens.backbones.protocol import BackboneAdapter
from safr_lens.checks import check_choice, check_number, check_seed
from safr_lens.data.batching import pad
from safr_lens.data.labels import distinct
from safr_lens.data.rows import Data, holds_rows, one_text, texts_of
from safr_lens.data.tokenizer import TextTokenizer, without_surrogates
from safr_lens.errors import ConfigError, TextError
from safr_lens.models import checkpoint, hub
from safr_lens.models.compared import ComparedPairs
from safr_lens.models.config import BACKBONE_READOUTS, LAST, ModelConfig, check_act_fn
from safr_lens.models.hook_api import CheckedHooks
from safr_lens.visible import shown


class LoadableClassifier(CheckedHooks):
    """What a classifier is made of beside its network, and how it is made, loaded and saved."""

    adapter: BackboneAdapter  # which a subclass makes

    def __init__(self, config: ModelConfig, *, tokenizer: TextTokenizer, labels: Sequence[str]) -> None:
        super().__init__()
        distinct(labels)
        if len(labels) < 2:
            raise ConfigError(f"A classifier needs at least two labels; got {shown(list(labels))}.")
        self.config = config
        self.tokenizer = tokenizer
        self.labels = tuple(without_surrogates(str(label)) for label in labels)
        self.compared: ComparedPairs | None = None  # which pairs its training compared, for tables and views

    @classmethod
    def from_config(
        cls, config: ModelConfig, *, tokenizer: TextTokenizer, labels: Sequence[str], seed: int = 0
    ) -> Self:
        """Return an untrained classifier; the same seed gives the same weights, and the global RNG is left alone."""
        check_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(config, tokenizer=tokenizer, labels=labels)

    @classmethod
    def from_pretrained_backbone(
        cls,
        source: str | PathLike[str],
        *,
        labels: Sequence[str],
        readout: str = "neuron_head",
        layers: int | None = None,
        d_mlp: int = 1024,
        act_fn: str = "relu",
        k: int | None = None,
        d_vmask: int = 0,
        freeze: Freeze | None = None,
        n_ctx: int | None = None,
        pooling: str = "mean",
        seed: int = 0,
    ) -> Self:
        """Return a classifier on a pretrained encoder (BERT, RoBERTa, DistilBERT, ModernBERT), ready to be trained.

        GPT-2, NeoX, Llama and Qwen are read through a neuron head alone.

        Args:
            source: a folder with ``config.json``, ``tokenizer.json`` and safetensors weights, or a Hub id. Nothing is
                unpickled.
            labels: class names.
            readout: what the class is read from. ``"neuron_head"``: ReLU neurons of a new MLP on the token vectors;
                ``"neurons"``: the encoder's own last MLP, ahead of its last norm; ``"residual"``: the token vectors,
                which can answer without any neuron.
            layers: how many of the encoder's blocks to keep, the lowest first; by default all.
            d_mlp: neurons of the head.
            act_fn: of the head: ``"relu"``, or ``"topk"`` or ``"batch_topk"``, which keep the ``k`` largest neurons of
                a token alone.
            k: how many neurons are kept, with those two.
            d_vmask: hidden units of VMASK; 0 leaves it out.
            freeze: ``"all"``, ``"none"``, or how many of the encoder's lowest blocks are not trained; by default all
                with a neuron head, else none.
            n_ctx: longest text in tokens, special ones included; by default what the encoder can read.
            pooling: what the text's logits are of those of its tokens: their ``"mean"``, or, with a decoder, those of
                the ``"last"`` token; neurons at the other tokens then add nothing.
            seed: of what is new.

        Raises:
            CheckpointError: a source that is missing, incomplete or damaged.
            ConfigError: a family of models that does not work here, or a setting without meaning.
        """
        check_choice("readout", readout, BACKBONE_READOUTS)
        check_act_fn(act_fn, k, readout)
        encoder, tokenizer, described = load_encoder(source, layers=layers)
        if n_ctx is not None:
            check_number("n_ctx", n_ctx, low=3, high=encoder.n_ctx, whole=True)
        if pooling == "last" and not encoder.family.decoder:
            raise ConfigError(f'pooling="last" needs a decoder{LAST}.')
        head = readout == "neuron_head"
        config = ModelConfig(
            backbone="neuron_head" if head else "pretrained",
            encoder=described,
            freeze=freeze if freeze is not None else "all" if head else "none",
            n_layers=1 if head else encoder.n_layers,
            d_model=encoder.d_model,
            n_heads=encoder.module.config.num_attention_heads,
            d_mlp=d_mlp if head else encoder.d_mlp,
            act_fn=act_fn,
            k=k,
            n_ctx=n_ctx or encoder.n_ctx,
            d_vmask=d_vmask,
            dropout=0.0,
            readout="neurons" if head else readout,
            pooling=pooling,
        )
        model = cls.from_config(config, tokenizer=tokenizer, labels=labels, seed=seed)
        model.adapter.module.encoder.load_state_dict(encoder.module.state_dict())
        return model

    @classmethod
    def from_hf_classifier(cls, source: str | PathLike[str]) -> Self:
        """Return a classifier that was fine-tuned with ``transformers``, as it is: with its logits, labels and head.

        Its head reads the whole text, so that ``decompose`` has no exact sum to give; tables and views show activation
        times gradient (:func:`safr_lens.models.linearized.linearized`). Where the head reads the first token alone, the
        neurons of the last block reach the logits at no token of the text, and the block is not counted as a layer.

        Args:
            source: the folder of a ``BertForSequenceClassification`` or its like (RoBERTa, DistilBERT, ModernBERT) with
                ``tokenizer.json`` and safetensors weights, or a Hub id. Nothing is unpickled.

        Raises:
            CheckpointError: a source that is missing, incomplete or damaged.
            ConfigError: a model that is no classifier of one label a text, or of a family that does not work here.
        """
        whole, tokenizer, described = load_classifier(source)
        names = whole.config.id2label
        family = family_of(whole.config.model_type, where=str(source))
        adapter = HFClassifierAdapter(whole, family, tokenizer.special_ids)
        config = ModelConfig(
            backbone="hf_classifier",
            encoder=described,
            n_layers=adapter.n_layers,
            d_model=adapter.d_model,
            n_heads=whole.config.num_attention_heads,
            d_mlp=adapter.d_mlp,
            n_ctx=adapter.n_ctx,
            d_vmask=0,
            dropout=0.0,
            readout="residual",
        )
        model = cls.from_config(config, tokenizer=tokenizer, labels=[names[number] for number in sorted(names)])
        model.adapter.module.load_state_dict(adapter.module.state_dict())
        return model

    def save_pretrained(self, directory: str | PathLike[str]) -> None:
        """Write ``model.safetensors``, ``config.json`` and ``tokenizer.json``."""
        checkpoint.save_pretrained(self, directory)

    @classmethod
    def from_pretrained(cls, source: str | PathLike[str]) -> Self:
        """Load a classifier from a folder, or from the Hub for an id ``org/name`` that is no local folder.

        Args:
            source: a folder written by ``save_pretrained`` or ``safr-lens train``, or a Hub id. Nothing is unpickled.

        Returns:
            The classifier, in evaluation mode.

        Raises:
            CheckpointError: a folder that is missing, incomplete, truncated, foreign, or holds only pickles.
        """
        return checkpoint.from_pretrained(cls.from_config, source)

    def push_to_hub(self, repo_id: str, *, private: bool = True) -> str:
        """Upload the classifier to the Hugging Face Hub and return its address.

        :func:`safr_lens.push_to_hub` uploads that of a run together with a model card.

        Raises:
            CheckpointError: an id that is not ``user/name``, or a Hub that refuses.
        """
        return hub.push_to_hub(self, repo_id, private=private)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.adapter.embedding.device

    def to_tokens(
        self, texts: str | Data, *, truncate: bool = False
    ) -> tuple[Int[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]:
        """Return token ids and mask of a text, or of several in a list, a DataFrame, a ``Dataset`` ...

        Raises:
            TextError: no text, a text without a word, or one longer than ``n_ctx`` when ``truncate`` is off.
        """
        if isinstance(texts, str):
            texts = [texts]
        elif holds_rows(texts) or not isinstance(texts, (list, tuple)):
            texts = list(texts_of(texts, split=None))
        if not texts:
            raise TextError("Expected at least one text, got none.")
        encodings = self.tokenizer.encode_batch(texts, n_ctx=self.config.n_ctx, truncate=truncate)
        tokens, mask = pad([one.ids for one in encodings], pad_id=self.tokenizer.pad_id)
        return tokens.to(self.device), mask.to(self.device)

    def to_str_tokens(self, text: str, *, truncate: bool = False) -> list[str]:
        """Return the tokens of a text as they stand in it, without special ones."""
        return self.tokenizer.encode(one_text(text), n_ctx=self.config.n_ctx, truncate=truncate).tokens
