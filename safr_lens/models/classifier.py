"""``HookedClassifier``: a hooked backbone, VMASK at its embedding, and a mask-weighted mean of token logits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.backbones import make_backbone
from safr_lens.backbones.edits import Edit, Edits, make_editable
from safr_lens.backbones.hook_points import HookPoint
from safr_lens.data.rows import Data, one_text
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.models.config import ModelConfig
from safr_lens.models.decompose import Decomposition, decomposed, points_to_decompose
from safr_lens.models.evaluating import evaluating
from safr_lens.models.inputs import checked_ids
from safr_lens.models.loadable import LoadableClassifier
from safr_lens.models.output import ClassifierOutput, pooled
from safr_lens.models.sizes import check_memory
from safr_lens.models.top_k import TopK
from safr_lens.models.vmask import Gate, TypeLogOdds, VMask

GATE, POOLED = "hook_mask", "hook_pooled"
OWN_HOOKS = ("hook_ungated_embed", GATE, "hook_token_logits", POOLED)


class _AllSeen(Exception):
    """All activations that were asked for are there."""


class HookedClassifier(LoadableClassifier):
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
        super().__init__(config, tokenizer=tokenizer, labels=labels)
        if config.encoder is None:
            check_memory(config, d_vocab=tokenizer.d_vocab)
        self.adapter = make_backbone(config, d_vocab=tokenizer.d_vocab, n_classes=len(self.labels))
        self.backbone = self.adapter.module
        self.vmask = VMask(config.d_model, config.d_vmask) if config.d_vmask else None
        self.top_k = TopK(config) if config.k is not None else None
        for name in OWN_HOOKS:
            point = HookPoint()
            point.name = name
            setattr(self, name, point)
        self.setup()
        self.eval()

    def setup(self) -> None:
        """List hook points: the backbone's under its own names, and ours."""
        own = {name: getattr(self, name) for name in OWN_HOOKS}
        self.hook_dict = {**self.adapter.hook_points, **own}  # type: ignore[dict-item]
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
        gate = self._gate(input, mask, log_odds, generator=generator, constant=constant_gates)
        with self._edits(gate, reads, k).applied(self.hook_dict):
            token_logits, logits = self._logits(gate)
        self.check_met(capture, seen)
        return ClassifierOutput(
            logits=logits,
            token_logits=token_logits,
            importance=gate.importance * gate.text,
            mask=gate.text,
            activations=seen,
            pooling=self.config.pooling,
        )

    def _logits(self, gate: Gate) -> tuple[Tensor, Tensor]:
        token_logits = self.hook_token_logits(self.adapter.run(gate.tokens, gate.mask))
        return token_logits, self.hook_pooled(pooled(token_logits, gate.text, self.config.pooling))

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

        reads = [(name, partial(read, name)) for name in names]
        gate = self._gate(input, mask, log_odds)
        with suppress(_AllSeen), self._edits(gate, reads).applied(self.hook_dict):
            self._logits(gate)
        self.check_met(names, seen)
        return seen

    def type_log_odds(self) -> TypeLogOdds | None:
        """Return VMASK by token type, or None where it does not look at the token embedding alone."""
        if self.vmask is None or self.adapter.gated != self.adapter.token_embedding:
            return None
        return TypeLogOdds(self.vmask, self.adapter.embedding)

    def _edits(self, gate: Gate, reads: list[tuple[str, Edit]], k: int | None = None) -> Edits:
        """Return what is edited in a forward pass: gate, TopK, padding, dropout, readout; reads come behind all."""

        def drop(value: Tensor) -> Tensor:
            return F.dropout(value, self.config.dropout, self.training)

        edits = self.adapter.edits(gate.mask, through_neurons=self.config.readout == "neurons")
        edits.before.append((self.adapter.gated, lambda embed: drop(gate(embed))))
        if self.top_k is not None:
            edits.before += self.top_k.edits(self.adapter, gate.text, k)
        edits.before += [(name, drop) for name in self.adapter.dropout_points]
        edits.after += reads
        return edits

    def _gate(self, tokens: Tensor, mask: Tensor, log_odds: TypeLogOdds | None, **training: Any) -> Gate:
        text = self.adapter.text_positions(tokens, mask)
        points = (self.hook_ungated_embed, self.hook_mask)
        return Gate(self.adapter, self.vmask, points, tokens, mask, text, log_odds, self.training, **training)

    def _checked_input(self, input: Any, mask: Tensor | None, *, truncate: bool = False) -> tuple[Tensor, Tensor]:
        if not isinstance(input, Tensor):
            input, mask = self.to_tokens(input, truncate=truncate)
        sizes = {"d_vocab": self.tokenizer.d_vocab, "n_ctx": self.config.n_ctx}
        return checked_ids(input, mask, pad_id=self.tokenizer.pad_id, truncate=truncate, **sizes)

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
