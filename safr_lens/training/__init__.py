"""Training hooked classifiers with SAFR."""

from safr_lens.measures.predictions import evaluate
from safr_lens.training.averaging import WeightAverage
from safr_lens.training.config import TrainConfig
from safr_lens.training.history import EpochRecord
from safr_lens.training.train_model import TrainResult, train

__all__ = ["EpochRecord", "TrainConfig", "TrainResult", "WeightAverage", "evaluate", "train"]
