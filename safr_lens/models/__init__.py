"""The hooked classifier, its configuration and its output."""

from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.config import ModelConfig
from safr_lens.models.decompose import Decomposition
from safr_lens.models.output import ClassifierOutput

__all__ = ["ClassifierOutput", "Decomposition", "HookedClassifier", "ModelConfig"]
