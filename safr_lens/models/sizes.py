"""How many weights a configuration describes at least, known before one of them is made."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from math import prod

from safr_lens.backbones.pretrained.size import MOST_LAYERS, SLACK, encoder_weights
from safr_lens.backbones.versions import HOOKED_TRANSFORMER, NATIVE_BRIDGE
from safr_lens.errors import ConfigError
from safr_lens.models.config import ModelConfig

BYTES = 4
ON_ENCODERS = ("pretrained", "neuron_head", "hf_classifier")  # one from outside may describe its encoder in its own way


def least_weights(config: ModelConfig, *, d_vocab: int, most_layers: int | None = None) -> int:
    r"""Return a lower bound of the number of weights; of a backbone registered from outside VMASK's alone.

    .. math:: L (4 d^2 + 2 d d_{mlp}) + (V + n_{ctx}) d + d_{vmask} d

    for L layers of width d and V token ids; with a pretrained encoder its own weights stand in place of the blocks.

    Args:
        config: of the model.
        d_vocab: number of token ids.
        most_layers: of an encoder, see :func:`~safr_lens.backbones.pretrained.size.encoder_weights`.

    Raises:
        ConfigError: an encoder's configuration that makes no model, or too many layers.

    >>> least_weights(ModelConfig(d_model=16, d_mlp=32, d_vmask=0, n_ctx=8, backbone="native_bridge"), d_vocab=10)
    2336
    """
    weights = config.d_vmask * config.d_model
    if config.encoder is not None and config.backbone in ON_ENCODERS:
        head = config.d_model * config.d_mlp if config.backbone == "neuron_head" else 0
        return weights + head + encoder_weights(config.encoder, most_layers=most_layers)
    if config.backbone not in (HOOKED_TRANSFORMER, NATIVE_BRIDGE):
        return weights
    block = 4 * config.d_model**2 + 2 * config.d_model * config.d_mlp
    return weights + config.n_layers * block + (d_vocab + config.n_ctx) * config.d_model


def check_memory(config: ModelConfig, *, d_vocab: int) -> None:
    """Raise a ConfigError for a model whose weights take more than the memory of this machine, or has 10,000 layers."""
    if not hasattr(os, "sysconf"):
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    mask = config.n_ctx**2 if config.backbone == HOOKED_TRANSFORMER else 0  # of causal attention, a byte a pair
    taken = least_weights(config, d_vocab=d_vocab, most_layers=memory // BYTES) * BYTES + mask
    if taken > memory or config.n_layers > MOST_LAYERS:
        raise ConfigError(
            f"A model of these sizes has {config.n_layers:,} layers and takes at least {taken / 1e9:,.0f} GB; expected "
            f"at most {MOST_LAYERS:,} layers and the {memory / 1e9:,.0f} GB of this machine. Lower n_layers, d_model, "
            "d_mlp, d_vmask or n_ctx."
        )


def check_fits(config: ModelConfig, shapes: Collection[Sequence[int]], *, d_vocab: int) -> None:
    """Raise a ConfigError for a configuration that describes far more weights than a file holds.

    Args:
        config: of the model.
        shapes: of the tensors in the file, as its header says.
        d_vocab: number of token ids.
    """
    stored = sum(map(prod, shapes))
    known = (config.encoder or {}).get("vocab_size")
    if isinstance(known, int) and d_vocab > known:
        raise ConfigError(f"its encoder knows {known:,} token ids, but the tokenizer has {d_vocab:,}.")
    if config.encoder is None and config.n_layers > len(shapes) + 1:
        raise ConfigError(f"it describes {config.n_layers:,} layers, but there are {len(shapes):,} tensors of weights.")
    weights = least_weights(config, d_vocab=d_vocab, most_layers=len(shapes))
    if weights > 2 * stored + SLACK:
        raise ConfigError(f"it describes at least {weights:,} weights, but there are {stored:,}.")
