"""The one place that makes a ``HookedTransformer``, and how its hook points are edited during a forward pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # third-party notices at import that no user of this package can act on
    from transformer_lens import ActivationCache, HookedRootModule, HookedTransformer, HookedTransformerConfig
    from transformer_lens.hook_points import HookPoint

from safr_lens.models.config import ModelConfig

__all__ = [
    "ActivationCache",
    "HookPoint",
    "HookedRootModule",
    "edits",
    "make_backbone",
    "neurons_hook",
    "pattern_hook",
    "reading_hook",
]

Edit = Callable[[Tensor], Tensor | None]


def make_backbone(config: ModelConfig, *, d_vocab: int, n_classes: int) -> HookedTransformer:
    """Return an untrained, unmodified, bidirectional ``HookedTransformer`` whose unembedding maps to the classes."""
    cfg = HookedTransformerConfig(
        n_layers=config.n_layers,
        d_model=config.d_model,
        d_head=config.d_model // config.n_heads,
        n_heads=config.n_heads,
        d_mlp=config.d_mlp,
        act_fn=config.act_fn,
        n_ctx=config.n_ctx,
        d_vocab=d_vocab,
        d_vocab_out=n_classes,
        normalization_type="LN",
        attention_dir="bidirectional",
        positional_embedding_type=config.positional_embedding_type,
        device="cpu",
        dtype=torch.float32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        backbone = HookedTransformer(cfg, move_to_device=False)
    nn.init.normal_(backbone.embed.W_E, std=config.embed_std)
    return backbone


def neurons_hook(layer: int) -> str:
    """Return the name of the hook point of the MLP activations that ``W_out`` reads."""
    return f"blocks.{layer}.mlp.hook_post"


def reading_hook(config: ModelConfig, layer: int) -> str:
    """Return the name of the hook point where neurons are read by people and measures.

    It is what ``W_out`` reads, but for ``"solu_ln"``: there a LayerNorm over neurons follows the non-linearity, after
    which half of them are below 0 whatever they answer to. SoLU's authors read neurons ahead of it, at
    ``blocks.L.mlp.hook_mid``, and so do we; contributions to logits and ablations are still those of ``hook_post``.
    """
    return f"blocks.{layer}.mlp.hook_mid" if config.act_fn == "solu_ln" else neurons_hook(layer)


def pattern_hook(layer: int) -> str:
    """Return the name of the hook point of the attention pattern."""
    return f"blocks.{layer}.attn.hook_pattern"


@contextmanager
def edits(
    points: Mapping[str, nn.Module],
    before: list[tuple[str, Edit]],
    after: list[tuple[str, Edit]],
    inputs: list[tuple[nn.Module, Edit]] = (),
) -> Iterator[None]:
    """Edit or read hook points for the length of a block, around the user's own hooks.

    Edits in ``before`` run ahead of the hooks already there, so that a user sees, caches and patches what the model
    really uses; those in ``after`` run behind them and see what the user made of it; those in ``inputs`` see what
    enters a module. PyTorch's own handles are used, since leaving a TransformerLens context of the same level would
    take the user's hooks along.
    """
    handles = []
    try:
        for name, edit in before:
            handles.append(points[name].register_forward_hook(_as_torch_hook(edit), prepend=True))
        for name, edit in after:
            handles.append(points[name].register_forward_hook(_as_torch_hook(edit)))
        for module, look in inputs:
            handles.append(module.register_forward_pre_hook(lambda module, args, look=look: look(args[0])))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _as_torch_hook(edit: Edit) -> Callable[[nn.Module, tuple, Tensor], Tensor | None]:
    return lambda module, inputs, output: edit(output)
