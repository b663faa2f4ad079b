"""How many weights a configuration of ``transformers`` describes, counted without making one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import PreTrainedConfig, PreTrainedModel

from safr_lens.backbones.pretrained.families import family_of
from safr_lens.documents import check_regular
from safr_lens.errors import ConfigError, first_line

MOST_LAYERS, SLACK = 10_000, 2**20
SPECIAL_IDS, PADDING_ID = "special_token_ids", "padding_token_id"  # what we add to a configuration


def configuration(model_class: type[PreTrainedModel], config: Mapping[str, Any]) -> PreTrainedConfig:
    """Return the configuration of a model of ``transformers``, from the contents of a ``config.json``."""
    plain = {name: value for name, value in config.items() if name not in (SPECIAL_IDS, PADDING_ID)}
    return model_class.config_class.from_dict(plain)


@contextmanager
def explained(config: Mapping[str, Any]) -> Iterator[None]:
    """Turn what goes wrong while a model is made of a configuration into a ConfigError."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # of many unrelated types
        raise ConfigError(
            f"The configuration of the encoder makes no {config.get('model_type')} model: {first_line(error)}"
        ) from None


def encoder_weights(config: Mapping[str, Any], *, most_layers: int | None = None) -> int:
    """Return the number of weights of an encoder.

    Args:
        config: the contents of its ``config.json``.
        most_layers: as many as can be meant, since each block takes memory even without weights.

    Raises:
        ConfigError: a family that does not work here, a configuration that makes no model, or too many layers.
    """
    family = family_of(config.get("model_type"), where="The configuration of the encoder")
    with explained(config):
        sizes = configuration(family.model_class, config)
        layers = getattr(sizes, family.sizes[0])
        most = min(MOST_LAYERS, MOST_LAYERS if most_layers is None else most_layers)
        if not 1 <= layers <= most:
            raise ConfigError(f"it describes {layers:,} layers; expected 1 to {most:,}.")
        with torch.device("meta"):
            encoder = family.model_class(sizes, **family.without)
    return sum(parameter.numel() for parameter in encoder.parameters())


def check_fits_files(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise a ConfigError for a configuration that describes far more than the safetensors files of a folder hold.

    Raises:
        OSError, SafetensorError, DocumentError: files that cannot be read.
    """
    shapes: list[list[int]] = []
    for path in sorted(folder.glob("*.safetensors")):
        check_regular(path)
        with safe_open(path, "pt") as file:
            shapes += [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118  (no mapping)
    stored, described = sum(map(prod, shapes)), encoder_weights(config, most_layers=len(shapes))
    if described > 2 * stored + SLACK:  # below it, the tensor that is missing can be named
        raise ConfigError(f"config.json describes {described:,} weights, but the files hold {stored:,}.")
