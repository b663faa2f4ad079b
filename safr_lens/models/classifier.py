"""``HookedClassifier``: a hooked backbone, VMASK at its embedding, and a mask-weighted mean of token logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.data.batching import pad
from safr_lens.data.tokenizer import TextTokenizer, without_surrogates
from safr_lens.errors import ConfigError, HookError, TextError
from safr_lens.models.backbone import HookPoint, edits, make_backbone
from safr_lens.models.config import ModelConfig
from safr_lens.models.hook_api import CheckedHooks
from safr_lens.models.output import ClassifierOutput
from safr_lens.models.pooling import masked_mean
from safr_lens.models.readout import without_skip
from safr_lens.models.vmask import TypeLogOdds, VMask, sample_gate

if TYPE_CHECKING:
    from safr_lens.models.decompose import Decomposition

OWN_HOOKS = ("hook_ungated_embed", "hook_mask", "hook_token_logits", "hook_pooled")


class _AllSeen(Exception):
    """All activations that were asked for are there."""


class HookedClassifier(CheckedHooks):
    """A text classifier on an unmodified ``HookedTransformer``, whose neurons can be read.

    The token embedding e is gated by VMASK: ``e_i g_i`` with g = q in evaluation and a hard sample of it in training.
    The text's logits are the mean of the per-position logits over its real tokens. With ``readout="neurons"`` the
    per-position logits read the last MLP's output alone.

    All hook points keep TransformerLens's names (``blocks.0.mlp.hook_post``); what a hook sees is what the model
    uses: the gated embedding, scores that are -inf at padding, the residual that is read out. Beside them stand
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
        if len(labels) < 2:
            raise ConfigError(f"A classifier needs at least two labels; got {list(labels)!r}.")
        self.config = config
        self.tokenizer = tokenizer
        self.labels = tuple(without_surrogates(str(label)) for label in labels)
        self.backbone = make_backbone(config, d_vocab=tokenizer.d_vocab, n_classes=len(self.labels))
        self.vmask = VMask(config.d_model, config.d_vmask)
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
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(config, tokenizer=tokenizer, labels=labels)

    def setup(self) -> None:
        """List hook points: the backbone's under its own names, and ours."""
        own = {name: getattr(self, name) for name in OWN_HOOKS}
        self.hook_dict = {**self.backbone.hook_dict, **own}
        self.mod_dict = {**self.backbone.mod_dict, **own}

    def _apply(self, fn: Any, recurse: bool = True) -> HookedClassifier:
        # behind .to(), .cuda(), .bfloat16() ...: the backbone's cfg must know where it is and what it is made of
        super()._apply(fn, recurse)
        self.backbone.cfg.device = str(self.device)
        self.backbone.cfg.dtype = self.vmask.keep.weight.dtype
        return self

    @property
    def cfg(self) -> Any:
        """The backbone's ``HookedTransformerConfig``."""
        return self.backbone.cfg

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.vmask.keep.weight.device

    def to_tokens(
        self, texts: str | Sequence[str], *, truncate: bool = False
    ) -> tuple[Int[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]:
        """Return token ids and mask of one or several texts.

        Raises:
            TextError: no text, a text without a word, or one longer than ``n_ctx`` when ``truncate`` is off.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts:
            raise TextError("Expected at least one text, got none.")
        encodings = self.tokenizer.encode_batch(texts, n_ctx=self.config.n_ctx, truncate=truncate)
        tokens, mask = pad([one.ids for one in encodings], pad_id=self.tokenizer.pad_id)
        return tokens.to(self.device), mask.to(self.device)

    def to_str_tokens(self, text: str, *, truncate: bool = False) -> list[str]:
        """Return the tokens of a text as they stand in it."""
        return self.tokenizer.encode(text, n_ctx=self.config.n_ctx, truncate=truncate).tokens

    def forward(
        self,
        input: str | Sequence[str] | Int[Tensor, "batch pos"],
        mask: Bool[Tensor, "batch pos"] | None = None,
        *,
        capture: Iterable[str] = (),
        generator: torch.Generator | None = None,
        constant_gates: Bool[Tensor, " batch"] | None = None,
    ) -> ClassifierOutput:
        """Classify texts or token ids.

        Args:
            input: a text, several texts, or token ids padded at the right.
            mask: True at real tokens; by default where the id is not that of padding.
            capture: hook points whose activations (with gradient) to return; works through DDP wrappers too.
            generator: draws the gate in training; by default the global one.
            constant_gates: texts whose gates get no gradient, so that nothing computed from them teaches VMASK.

        Raises:
            TextError, HookError: see :meth:`to_tokens` and :meth:`check_hook_names`.
        """
        input, mask = self._checked_input(input, mask)
        capture = tuple(capture)
        self.check_hook_names(capture)
        seen: dict[str, Tensor] = {}
        reads = [(name, lambda value, name=name: seen.update({name: value})) for name in capture]
        with self._instrumented(mask, reads, generator, constant_gates=constant_gates) as local:
            token_logits = self.hook_token_logits(self.backbone(input))
            logits = self.hook_pooled(masked_mean(token_logits, mask))
        return ClassifierOutput(
            logits=logits,
            token_logits=token_logits,
            importance=local["importance"] * mask,
            mask=mask,
            activations=seen,
        )

    def activations(
        self,
        input: Int[Tensor, "batch pos"],
        mask: Bool[Tensor, "batch pos"] | None = None,
        *,
        names: Iterable[str],
        log_odds: TypeLogOdds | None = None,
    ) -> dict[str, Tensor]:
        """Return the activations of some hook points alone; the forward pass stops once it has met them all.

        Args:
            input, mask: token ids, and True at real tokens.
            names: hook points.
            log_odds: VMASK by token type, for many passes with the same weights; not used where a hook may change the
                embedding that VMASK reads.

        Raises:
            TextError: more positions than the context.
            HookError: a name that the model does not have, or a point that its forward pass never meets.
        """
        input, mask = self._checked_input(input, mask)
        names = tuple(names)
        self.check_hook_names(names)
        seen: dict[str, Tensor] = {}

        def read(name: str, value: Tensor) -> None:
            seen[name] = value
            if len(seen) == len(set(names)):
                raise _AllSeen

        reads = [(name, lambda value, name=name: read(name, value)) for name in names]
        known = log_odds(input) if log_odds is not None and not self._embedding_is_hooked() else None
        with suppress(_AllSeen), self._instrumented(mask, reads, None, known):
            self.hook_pooled(masked_mean(self.hook_token_logits(self.backbone(input)), mask))
        for name in names:
            if name not in seen:
                raise HookError(f"The model's forward pass never meets the hook point {name!r}.")
        return seen

    def _checked_input(self, input: Any, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        if not isinstance(input, Tensor):
            input, mask = self.to_tokens(input)
        if input.shape[1] > self.config.n_ctx:
            raise TextError(
                f"Token ids of {input.shape[1]:,} positions; the model reads at most {self.config.n_ctx:,}."
            )
        return input, input != self.tokenizer.pad_id if mask is None else mask.bool()

    def _embedding_is_hooked(self) -> bool:
        return any(module._forward_hooks for module in (self.backbone.embed, self.hook_ungated_embed))

    @contextmanager
    def _instrumented(
        self,
        mask: Tensor,
        reads: list,
        generator: torch.Generator | None,
        log_odds: Float[Tensor, "batch pos"] | None = None,
        constant_gates: Bool[Tensor, " batch"] | None = None,
    ) -> Iterator[dict[str, Tensor]]:
        local: dict[str, Tensor] = {}
        before, after, inputs = self._edits(mask, local, generator, log_odds, constant_gates)
        with edits(self.hook_dict, before, after + reads, inputs):
            yield local

    def _edits(
        self,
        mask: Tensor,
        local: dict[str, Tensor],
        generator: torch.Generator | None,
        known: Float[Tensor, "batch pos"] | None = None,
        constant: Bool[Tensor, " batch"] | None = None,
    ) -> tuple[list, list, list]:
        """What VMASK, padding, dropout and the readout do at the backbone's hook points, in one forward pass."""

        def drop(value: Tensor) -> Tensor:
            return F.dropout(value, self.config.dropout, self.training)

        def gate(embed: Tensor) -> Tensor:
            embed = self.hook_ungated_embed(embed)
            log_odds = self.vmask(embed) if known is None else known
            q = local["importance"] = torch.sigmoid(log_odds)
            kept = sample_gate(log_odds, generator=generator) if self.training else q
            if constant is not None:
                kept = torch.where(constant.unsqueeze(1), kept.detach(), kept)
            return drop(embed * self.hook_mask(kept).unsqueeze(-1))

        def hide_padding(scores: Tensor) -> Tensor:
            return scores.masked_fill(~mask[:, None, None, :], float("-inf"))

        before: list[tuple[str, Any]] = [("hook_embed", gate)]
        # asked on CPUs only, where the answer is free; elsewhere it would wait for the device
        padded = mask.device.type != "cpu" or not bool(mask.all())
        for layer in range(self.config.n_layers):
            if padded:
                before.append((f"blocks.{layer}.attn.hook_attn_scores", hide_padding))
            before.append((f"blocks.{layer}.hook_attn_out", drop))
            before.append((f"blocks.{layer}.hook_mlp_out", drop))
        if self.config.readout == "residual":
            return before, [], []
        last = self.config.n_layers - 1
        skipped: dict[str, Tensor] = {}
        before.append((f"blocks.{last}.hook_resid_post", lambda resid_post: without_skip(resid_post, **skipped)))
        after = [(f"blocks.{last}.hook_mlp_out", lambda mlp_out: skipped.update(mlp_out=mlp_out))]
        inputs = [(self.backbone.blocks[last].ln2, lambda resid_mid: skipped.update(resid_mid=resid_mid))]
        return before, after, inputs

    def decompose(self, text: str, *, truncate: bool = False) -> Decomposition:
        """Return the logits of a text as an exact sum over tokens, neurons and the other components.

        See :func:`safr_lens.models.decompose.decompose`.
        """
        from safr_lens.models.decompose import decompose

        return decompose(self, text, truncate=truncate)

    def save_pretrained(self, directory: str | PathLike[str]) -> None:
        """Write ``model.safetensors``, ``config.json`` and ``tokenizer.json``."""
        from safr_lens.models.checkpoint import save_pretrained

        save_pretrained(self, directory)

    @classmethod
    def from_pretrained(cls, source: str | PathLike[str]) -> HookedClassifier:
        """Load a classifier from a run's folder or a Hub id; nothing is ever unpickled.

        See :func:`safr_lens.models.checkpoint.from_pretrained`.
        """
        from safr_lens.models.checkpoint import from_pretrained

        return from_pretrained(source)

    def push_to_hub(self, repo_id: str, *, private: bool = True) -> str:
        """Upload the classifier to the Hugging Face Hub and return its address."""
        from safr_lens.models.checkpoint import push_to_hub

        return push_to_hub(self, repo_id, private=private)
