"""Settings of a classifier on a pretrained encoder, and what a training of it does by default."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safr_lens.backbones import registered_backbones
from safr_lens.backbones.config import check_k
from safr_lens.checks import check_choice, check_number
from safr_lens.errors import ConfigError
from safr_lens.models.config import BACKBONE_READOUTS, check_act_fn
from safr_lens.models.output import POOLINGS
from safr_lens.visible import shown

HEAD = "neuron_head"
OF_ENCODER = {
    "tokenizer": "the encoder brings its own tokenizer",
    "min_frequency": "the encoder brings its own tokenizer",
    "embedding_start": "the encoder brings its own token embeddings",
}


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig:
    """A classifier on a pretrained encoder (``backbone``: a folder or a Hub id).

    The rest is what :meth:`safr_lens.HookedClassifier.from_pretrained_backbone` takes.
    """

    backbone: str
    readout: str = HEAD
    freeze: str | int | None = None
    d_mlp: int = 1024
    act_fn: str = "relu"
    k: int | None = None
    d_vmask: int = 0
    n_ctx: int | None = None
    pooling: str = "mean"

    def __post_init__(self) -> None:
        check_choice("readout", self.readout, BACKBONE_READOUTS)
        check_choice("pooling", self.pooling, POOLINGS)
        if isinstance(self.freeze, str) and self.freeze.isdecimal():
            object.__setattr__(self, "freeze", int(self.freeze))
        check_number("d_mlp", self.d_mlp, low=1, whole=True)
        check_act_fn(self.act_fn, self.k, self.readout)
        check_k(self.act_fn, self.k, self.d_mlp)
        check_number("d_vmask", self.d_vmask, low=0, whole=True)

    @property
    def frozen(self) -> bool:
        """Whether nothing of the encoder is trained."""
        return self.freeze == "all" or (self.freeze is None and self.readout == HEAD)


def names_encoder(values: Mapping[str, Any]) -> bool:
    """Whether settings name a pretrained encoder, and not a kind of backbone.

    Raises:
        ConfigError: settings that have a meaning on an encoder alone, without one.
    """
    if values.get("backbone") not in (None, *registered_backbones()):
        return True
    for name in ("freeze", "readout"):
        if values.get(name) is not None and (name == "freeze" or values[name] == HEAD):
            raise ConfigError(
                f"{name}={shown(values[name])} needs a pretrained encoder. Name a folder or a Hub id with backbone "
                "(--backbone)."
            )
    return False


def pretrained_config(values: Mapping[str, Any], model_settings: Mapping[str, Any]) -> PretrainedConfig:
    """Return what settings say of a classifier on an encoder.

    Raises:
        ConfigError: settings that the encoder leaves without a meaning.
    """
    known = {field.name for field in dataclasses.fields(PretrainedConfig)}
    for name in values:
        if name in OF_ENCODER:
            raise ConfigError(f"{name} has no meaning with a pretrained backbone: {OF_ENCODER[name]}. Leave it out.")
        if name in model_settings and name not in known:
            raise ConfigError(f"{name} has no meaning with a pretrained backbone, which says itself what it is.")
    return PretrainedConfig(**{name: value for name, value in values.items() if name in known})


def training_defaults(config: PretrainedConfig, *, penalised: bool) -> dict[str, Any]:
    """Return the settings of a training that differ from those of a small classifier.

    A head is trained alone at first where a penalty would spoil what its encoder knows; without one it would only
    learn the training split by heart before the encoder moves.

    >>> training_defaults(PretrainedConfig(backbone="folder"), penalised=True)["learning_rate"]
    0.001
    """
    if config.frozen:
        return {"learning_rate": 1e-3, "epochs": 20}
    fine_tuning = {"backbone_learning_rate": 5e-5, "warmup": 0.1, "weight_decay": 0.01, "average_weights": False}
    alone = {"head_epochs": 5} if penalised and config.readout == HEAD else {}
    return {"learning_rate": 1e-3, "epochs": 3, **alone, **fine_tuning}
