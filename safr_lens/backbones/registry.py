"""Backbones by name."""

from __future__ import annotations

from typing import Protocol

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.protocol import BackboneAdapter
from safr_lens.checks import check_choice
from safr_lens.errors import ConfigError
from safr_lens.visible import shown


class BackboneFactory(Protocol):
    """Makes an untrained backbone from the global random state."""

    def __call__(self, config: BackboneConfig, *, d_vocab: int, n_classes: int) -> BackboneAdapter: ...


_FACTORIES: dict[str, BackboneFactory] = {}


def register_backbone(name: str, factory: BackboneFactory) -> None:
    """Make a kind of backbone known, so that ``ModelConfig(backbone=name)`` means it.

    Raises:
        ConfigError: another backbone has this name.
    """
    if _FACTORIES.setdefault(name, factory) != factory:
        raise ConfigError(f"There is a backbone {shown(name)} already; register yours under another name.")


def registered_backbones() -> tuple[str, ...]:
    """Return the names of all known kinds.

    >>> "hooked_transformer" in registered_backbones()
    True
    """
    return tuple(_FACTORIES)


def make_backbone(config: BackboneConfig, *, d_vocab: int, n_classes: int) -> BackboneAdapter:
    """Return an untrained backbone whose unembedding maps to the classes.

    Raises:
        ConfigError: an unknown kind.
    """
    check_choice("backbone", config.backbone, registered_backbones())
    return _FACTORIES[config.backbone](config, d_vocab=d_vocab, n_classes=n_classes)
