"""``HookedClassifier``: a hooked backbone, VMASK at its embedding, and a mask-weighted mean of token logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from os import PathLike
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.backbones import Freeze, make_backbone
from safr_lens.backbones.edits import is_edited, make_editable
from safr_lens.backbones.fused_attention import is_watched
from safr_lens.backbones.hook_points import HookPoint
from safr_lens.checks import check_seed
from safr_lens.data.labels import distinct
from safr_lens.data.rows import Data, one_text
from safr_lens.data.tokenizer import TextTokenizer, without_surrogates
from safr_lens.errors import ConfigError
from safr_lens.models import checkpoint, hub
from safr_lens.models.compared import ComparedPairs
from safr_lens.models.config import ModelConfig
from safr_lens.models.decompose import Decomposition, decomposed, points_to_decompose
from safr_lens.models.evaluating import evaluating
from safr_lens.models.hook_api import CheckedHooks
from safr_lens.models.inputs import checked_ids, encoded
from safr_lens.models.output import ClassifierOutput
from safr_lens.models.pooling import pooled
from safr_lens.models.pretrained import of_hf_classifier, on_pretrained_encoder
from safr_lens.models.sizes import check_memory
from safr_lens.models.top_k import TopK
from safr_lens.models.vmask import TypeLogOdds, VMask, log_odds_by_word, sample_gate

GATE, POOLED = "hook_mask", "hook_pooled"
OWN_HOOKS = ("hook_ungated_embed", GATE, "hook_token_logits", POOLED)


class _AllSeen(Exception):
    """All activations that were asked for are there."""


class HookedClassifier(CheckedHooks):
    """A text classifier on a backbone with TransformerLens's hook points, whose neurons can be read.

    The token embedding e (``adapter.gated``, to be exact) is gated by VMASK: ``e_i g_i`` with g = q in evaluation and a
    hard sample of it in training; without VMASK, every q is 1.
    The text's logits are the mean of the per-position logits over its real tokens (or, on a decoder, those of its last
    token: ``config.pooling``). With ``readout="neurons"`` the per-position logits read the last MLP's output alone.

    ``backbone`` is the network (by default a ``HookedTransformer``), ``adapter`` says where in it things are. All hook
    points keep the backbone's names (``blocks.0.mlp.hook_post``); what a hook sees is what the model uses: the gated
    embedding, scores that are -inf at padding, the residual that is read out. Beside them stand
    ``hook_ungated_embed`` [batch pos d_model], ``hook_mask`` [batch pos] (the gate), ``hook_token_logits``
    [batch pos n_classes] and ``hook_pooled`` [batch n_classes].

    >>> from safr_lens.data import train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film", "a bad film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"], seed=0)
    >>> model(["a good film", "bad"]).logits.shape
    torch.Size([2, 2])
    >>> output, cache = model.run_with_cache("a good film", names_filter="blocks.0.mlp.hook_post")
    >>> cache["blocks.0.mlp.hook_post"].shape
    torch.Size([1, 3, 32])
    """

    def __init__(self, config: ModelConfig, *, tokenizer: TextTokenizer, labels: Sequence[str]) -> None:
        super().__init__()
        distinct(labels)
        if len(labels) < 2:
            raise ConfigError(f"A classifier needs at least two labels; got {list(labels)!r}.")
        self.config = config
        self.tokenizer = tokenizer
        self.labels = tuple(without_surrogates(str(label)) for label in labels)
        if config.encoder is None:
            check_memory(config, d_vocab=tokenizer.d_vocab)
        self.adapter = make_backbone(config, d_vocab=tokenizer.d_vocab, n_classes=len(self.labels))
        self.backbone = self.adapter.module
        self.vmask = VMask(config.d_model, config.d_vmask) if config.d_vmask else None
        self.top_k = TopK(config) if config.k is not None else None
        self.compared: ComparedPairs | None = None  # which pairs its training compared, for tables and views
        for name in OWN_HOOKS:
            point = HookPoint()
            point.name = name
            setattr(self, name, point)
        self.setup()
        self.eval()

    @classmethod
    def from_config(
        cls, config: ModelConfig, *, tokenizer: TextTokenizer, labels: Sequence[str], seed: int = 0
    ) -> HookedClassifier:
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
    ) -> HookedClassifier:
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
        settings = {
            "layers": layers,
            "d_mlp": d_mlp,
            "act_fn": act_fn,
            "k": k,
            "d_vmask": d_vmask,
            "freeze": freeze,
            "n_ctx": n_ctx,
            "pooling": pooling,
            "seed": seed,
        }
        return on_pretrained_encoder(cls.from_config, source, labels=labels, readout=readout, **settings)

    @classmethod
    def from_hf_classifier(cls, source: str | PathLike[str]) -> HookedClassifier:
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
        return of_hf_classifier(cls.from_config, source)

    def setup(self) -> None:
        """List hook points: the backbone's under its own names, and ours."""
        own = {name: getattr(self, name) for name in OWN_HOOKS}
        self.hook_dict = {**self.adapter.hook_points, **own}
        self.mod_dict = {**self.adapter.hookable, **own}
        make_editable(self.hook_dict.values())

    def _apply(self, fn: Any, recurse: bool = True) -> HookedClassifier:
        # behind .to(), .cuda(), .bfloat16() ...: the backbone must know where it is and what it is made of
        super()._apply(fn, recurse)
        self.adapter.moved_to(self.device, self.adapter.embedding.dtype)
        return self

    @property
    def cfg(self) -> Any:
        """The backbone's own configuration."""
        return self.backbone.cfg

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
        tokens, mask = encoded(texts, self.tokenizer, n_ctx=self.config.n_ctx, truncate=truncate)
        return tokens.to(self.device), mask.to(self.device)

    def to_str_tokens(self, text: str, *, truncate: bool = False) -> list[str]:
        """Return the tokens of a text as they stand in it, without special ones."""
        return self.tokenizer.encode(one_text(text), n_ctx=self.config.n_ctx, truncate=truncate).tokens

    def forward(
        self,
        input: str | Data | Int[Tensor, "*batch pos"],
        mask: Bool[Tensor, "*batch pos"] | None = None,
        *,
        truncate: bool = False,
        capture: Iterable[str] = (),
        generator: torch.Generator | None = None,
        constant_gates: Bool[Tensor, " batch"] | None = None,
        k: int | None = None,
        log_odds: TypeLogOdds | None = None,
    ) -> ClassifierOutput:
        """Classify texts or token ids.

        Args:
            input: a text, several texts (a list, a DataFrame ...), or token ids, of several texts padded at the right.
            mask: True at all tokens but padding; by default where the id is not that of padding.
            truncate: cut what is longer than the context instead of refusing it.
            capture: hook points whose activations (with gradient) to return; works through DDP wrappers too.
            generator: draws the gate in training; by default the global one.
            constant_gates: texts whose gates get no gradient, so that nothing computed from them teaches VMASK.
            k: neurons that a token keeps (with ``"batch_topk"`` on average over this batch), with those ``act_fn`` that
                keep the largest; by default those of the configuration.
            log_odds: VMASK by token type, as in :meth:`activations`; without gradient.

        Raises:
            TextError, HookError: see :meth:`to_tokens` and :meth:`check_hook_names`.
        """
        input, mask = self._checked_input(input, mask, truncate=truncate)
        capture = tuple(capture)
        self.check_hook_names(capture)
        seen: dict[str, Tensor] = {}

        def read(name: str, value: Tensor) -> None:
            if name not in seen:  # a checkpointed block meets its points again in the backward pass
                seen[name] = value

        reads = [(name, partial(read, name)) for name in capture]
        text = self.adapter.text_positions(input, mask)
        known = self._known_odds(input, log_odds)
        with self._instrumented(input, mask, text, reads, generator, known, constant_gates, k) as local:
            token_logits, logits = self._logits(input, mask, text)
        self.check_met(capture, seen)
        return ClassifierOutput(
            logits=logits,
            token_logits=token_logits,
            importance=local["importance"] * text,
            mask=text,
            activations=seen,
            pooling=self.config.pooling,
        )

    def _logits(self, tokens: Tensor, mask: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        token_logits = self.hook_token_logits(self.adapter.run(tokens, mask))
        return token_logits, self.hook_pooled(pooled(token_logits, text, self.config.pooling))

    def activations(
        self,
        input: Int[Tensor, "batch pos"],
        mask: Bool[Tensor, "batch pos"] | None = None,
        *,
        names: Iterable[str],
        truncate: bool = False,
        log_odds: TypeLogOdds | None = None,
    ) -> dict[str, Tensor]:
        """Return the activations of some hook points alone; the forward pass stops once it has met them all.

        Args:
            input, mask: token ids, and True at real tokens.
            names: hook points.
            truncate: cut what is longer than the context instead of refusing it.
            log_odds: VMASK by token type, for many passes with the same weights; not used where a hook may change the
                embedding that VMASK reads.

        Raises:
            TextError: more positions than the context.
            HookError: a name that the model does not have, or a point that its forward pass never meets.
        """
        input, mask = self._checked_input(input, mask, truncate=truncate)
        names = tuple(names)
        self.check_hook_names(names)
        seen: dict[str, Tensor] = {}

        def read(name: str, value: Tensor) -> None:
            seen[name] = value
            if len(seen) == len(set(names)):
                raise _AllSeen

        reads = [(name, lambda value, name=name: read(name, value)) for name in names]
        text = self.adapter.text_positions(input, mask)
        with suppress(_AllSeen), self._instrumented(input, mask, text, reads, None, self._known_odds(input, log_odds)):
            self._logits(input, mask, text)
        self.check_met(names, seen)
        return seen

    def type_log_odds(self) -> TypeLogOdds | None:
        """Return VMASK by token type, or None where it does not look at the token embedding alone."""
        if self.vmask is None or self.adapter.gated != self.adapter.token_embedding:
            return None
        return TypeLogOdds(self.vmask, self.adapter.embedding)

    def _checked_input(self, input: Any, mask: Tensor | None, *, truncate: bool = False) -> tuple[Tensor, Tensor]:
        if not isinstance(input, Tensor):
            input, mask = self.to_tokens(input, truncate=truncate)
        sizes = {"d_vocab": self.tokenizer.d_vocab, "n_ctx": self.config.n_ctx}
        return checked_ids(input, mask, pad_id=self.tokenizer.pad_id, truncate=truncate, **sizes)

    def _known_odds(self, tokens: Tensor, log_odds: TypeLogOdds | None) -> Tensor | None:
        read = (self.adapter.embedder, self.hook_ungated_embed)
        if log_odds is None or any(module._forward_hooks or is_edited(module) for module in read):
            return None
        return log_odds(tokens)

    def _log_odds(self, embed: Tensor, tokens: Tensor) -> Tensor:
        by_word = self.training and self.adapter.gated == self.adapter.token_embedding
        if by_word and not is_watched((self.adapter.embedder, self.hook_ungated_embed, *self.vmask.modules())):
            return log_odds_by_word(self.vmask, embed, tokens)
        return self.vmask(embed)

    @contextmanager
    def _instrumented(
        self,
        tokens: Tensor,
        mask: Tensor,
        text: Tensor,
        reads: list,
        generator: torch.Generator | None,
        log_odds: Float[Tensor, "batch pos"] | None = None,
        constant_gates: Bool[Tensor, " batch"] | None = None,
        k: int | None = None,
    ) -> Iterator[dict[str, Tensor]]:
        local: dict[str, Tensor] = {}

        def drop(value: Tensor) -> Tensor:
            return F.dropout(value, self.config.dropout, self.training)

        def gate(embed: Tensor) -> Tensor:
            embed = self.hook_ungated_embed(embed)
            if self.vmask is None:
                q = kept = torch.ones_like(embed[..., 0])
            else:
                odds = self._log_odds(embed, tokens) if log_odds is None else log_odds
                q = torch.sigmoid(odds)
                kept = sample_gate(odds, generator=generator) if self.training else q
            local["importance"] = q
            if constant_gates is not None:
                kept = torch.where(constant_gates.unsqueeze(1), kept.detach(), kept)
            if text is not mask:
                kept = kept.masked_fill(mask & ~text, 1.0)  # special tokens are never gated
            return drop(embed * self.hook_mask(kept).unsqueeze(-1))

        edits = self.adapter.edits(mask, through_neurons=self.config.readout == "neurons")
        edits.before.append((self.adapter.gated, gate))
        if self.top_k is not None:
            edits.before += self.top_k.edits(self.adapter, text, k)
        edits.before += [(name, drop) for name in self.adapter.dropout_points]
        edits.after += reads
        with edits.applied(self.hook_dict):
            yield local

    def decompose(self, text: str, *, truncate: bool = False) -> Decomposition:
        """Return the logits of a text as an exact sum over tokens, neurons and the other components.

        A component v of the residual that is read out at position i adds

        .. math:: a_i\\,\\frac{(v - \\bar v) \\odot w}{\\sigma_i} W_U

        with :math:`a_i = 1/n` for n real tokens (``pooling="last"``: 1 at the last, 0 at others), the final LayerNorm's
        weight w and its scale :math:`\\sigma_i` at that position, taken as it is (this is what makes the sum exact);
        for neuron k, ``v = h[i, k] W_out[k]``.

        Args:
            text: the text.
            truncate: cut a text that is longer than the context instead of refusing it.

        Returns:
            Contributions that sum to the logits up to float error (below 1e-4).

        Raises:
            TextError: a text that the model cannot read.
            ConfigError: a backbone that has no such sum.

        >>> from safr_lens.data import train_tokenizer
        >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
        >>> model = HookedClassifier.from_config(
        ...     ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8), tokenizer=tokenizer, labels=["bad", "good"])
        >>> parts = model.decompose("a good film")
        >>> torch.allclose(parts.total(), parts.logits, atol=1e-4)
        True
        """
        names = points_to_decompose(self.adapter, through_neurons=self.config.readout == "neurons")
        with evaluating(self):
            output = self(*self.to_tokens(one_text(text), truncate=truncate), capture=names)
            seen = {name: output.activations[name][output.mask].float() for name in names}
            tokens = self.to_str_tokens(text, truncate=truncate)
            logits, weights = output.logits[0].float(), output.token_weights[0, output.mask[0]]
            return decomposed(self.adapter, seen, logits, weights=weights, tokens=tokens, labels=self.labels)

    def save_pretrained(self, directory: str | PathLike[str]) -> None:
        """Write ``model.safetensors``, ``config.json`` and ``tokenizer.json``."""
        checkpoint.save_pretrained(self, directory)

    @classmethod
    def from_pretrained(cls, source: str | PathLike[str]) -> HookedClassifier:
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
