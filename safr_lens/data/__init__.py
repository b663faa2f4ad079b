"""Reviews, Hub data sets and local files, as splits of text and label, and the batches made from them."""

from typing import TYPE_CHECKING

import safr_lens.data.readers  # noqa: F401  (registers the readers of the package)
from safr_lens.lazy import lazy

if TYPE_CHECKING:
    from safr_lens.data.batching import Batch, batches
    from safr_lens.data.dataset import TextData
    from safr_lens.data.load import load_data
    from safr_lens.data.tokenizer import TextTokenizer, train_tokenizer

__all__ = ["Batch", "TextData", "TextTokenizer", "batches", "load_data", "train_tokenizer"]

_HOME = {
    "batching": ("Batch", "batches"),
    "dataset": ("TextData",),
    "load": ("load_data",),
    "tokenizer": ("TextTokenizer", "train_tokenizer"),
}

# the help of the commands lists the readers and must not wait for torch and datasets
__getattr__, __dir__ = lazy(__name__, _HOME)
