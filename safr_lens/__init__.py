"""Train text classifiers whose neurons can be read, measure them, and see them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "ClassifierOutput": "safr_lens.models",
    "HookedClassifier": "safr_lens.models",
    "ModelConfig": "safr_lens.models",
    "SafrLensError": "safr_lens.errors",
    "SafrPenalty": "safr_lens.penalty",
    "Schedule": "safr_lens.penalty",
    "TextData": "safr_lens.data",
    "TrainConfig": "safr_lens.training",
    "evaluate": "safr_lens.training",
    "load_data": "safr_lens.data",
    "train": "safr_lens.training",
    "train_tokenizer": "safr_lens.data",
}
_MODULES = ("data", "measures", "models", "penalty", "training", "views")
__all__ = [*_WHERE, *_MODULES]

if TYPE_CHECKING:
    from safr_lens.data import TextData, load_data, train_tokenizer
    from safr_lens.errors import SafrLensError
    from safr_lens.models import ClassifierOutput, HookedClassifier, ModelConfig
    from safr_lens.penalty import SafrPenalty, Schedule
    from safr_lens.training import TrainConfig, evaluate, train


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"safr_lens.{name}")
    raise AttributeError(f"module 'safr_lens' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
