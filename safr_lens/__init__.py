"""Train text classifiers whose neurons can be read, measure them, and see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safr_lens.lazy import lazy

__version__ = "0.1.0"

__all__ = [
    "ClassifierOutput",
    "HookedClassifier",
    "ModelConfig",
    "SafrLensError",
    "SafrPenalty",
    "Schedule",
    "TextData",
    "TrainConfig",
    "ablate",
    "activations",
    "analyze",
    "data",
    "evaluate",
    "explain",
    "load_activations",
    "load_data",
    "measures",
    "models",
    "neuron_table",
    "neurons",
    "pair_table",
    "penalty",
    "push_to_hub",
    "report",
    "save_activations",
    "sparse_probe",
    "stream_activations",
    "token_table",
    "top_activations",
    "train",
    "train_tokenizer",
    "training",
    "views",
    "word_vectors",
]

if TYPE_CHECKING:
    from safr_lens import activations, data, measures, models, neurons, penalty, training, views, word_vectors
    from safr_lens.activations import load_activations, save_activations, stream_activations
    from safr_lens.analysis import analyze
    from safr_lens.data import TextData, load_data, train_tokenizer
    from safr_lens.errors import SafrLensError
    from safr_lens.models import ClassifierOutput, HookedClassifier, ModelConfig
    from safr_lens.neurons import (
        ablate,
        explain,
        neuron_table,
        pair_table,
        sparse_probe,
        token_table,
        top_activations,
    )
    from safr_lens.penalty import SafrPenalty, Schedule
    from safr_lens.reporting import push_to_hub, report
    from safr_lens.training import TrainConfig, evaluate, train

_HOME = {
    "activations": ("load_activations", "save_activations", "stream_activations"),
    "analysis": ("analyze",),
    "data": ("TextData", "load_data", "train_tokenizer"),
    "errors": ("SafrLensError",),
    "measures": (),
    "models": ("ClassifierOutput", "HookedClassifier", "ModelConfig"),
    "neurons": ("ablate", "explain", "neuron_table", "pair_table", "sparse_probe", "token_table", "top_activations"),
    "penalty": ("SafrPenalty", "Schedule"),
    "reporting": ("push_to_hub", "report"),
    "training": ("TrainConfig", "evaluate", "train"),
    "views": (),
    "word_vectors": (),
}


# torch and transformer_lens take seconds to import
__getattr__, __dir__ = lazy(__name__, _HOME)
