"""Data whose texts are read and tokenised once, however often a model reads it.

Token ids are kept in memory; of streams, rows and ids are kept in a file without a name, read through a memory map.
"""

from __future__ import annotations

import itertools
import mmap
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import torch
from datasets import Dataset, Features, IterableDataset, Value
from datasets.arrow_writer import ArrowWriter
from datasets.table import InMemoryTable
from jaxtyping import Int
from torch import Tensor

from safr_lens.data.batching import TOKEN_IDS, Batch, batches
from safr_lens.data.dataset import TextData
from safr_lens.data.tokenizer import TextTokenizer, check_tokens
from safr_lens.processes import gathered, process_share

TEXTS_AT_ONCE = 1000


class TokenizedTexts:
    """Rows of data beside the batches made of them, which are kept from the first whole reading on.

    Memory: 4 bytes a token and about 30 a text.

    Args:
        data: rows with ``text`` and ``label``, of known length.
        tokenizer: of the model that reads them.
    """

    def __init__(self, data: Iterable[Any], tokenizer: TextTokenizer) -> None:
        self.data, self.tokenizer = data, tokenizer
        self._kept: dict[tuple, list[_Kept]] = {}

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)

    def __len__(self) -> int:
        assert isinstance(self.data, Sized)
        return len(self.data)

    def batches(self, **sizes: Any) -> Iterator[Batch]:
        """Yield what :func:`~safr_lens.data.batching.batches` yields for these sizes."""
        key = tuple(sorted(sizes.items()))
        if key in self._kept:
            yield from (kept.batch() for kept in self._kept[key])
            return
        whole = []
        for batch in batches(self.data, self.tokenizer, **sizes):
            whole.append(_Kept.of(batch))
            yield batch
        self._kept[key] = whole


class KeptTexts(TokenizedTexts):
    """Rows of :func:`kept_rows`, of which nothing is kept in memory."""

    def batches(self, **sizes: Any) -> Iterator[Batch]:
        """Yield what :func:`~safr_lens.data.batching.batches` yields for these sizes."""
        return batches(self.data, self.tokenizer, **sizes)


@dataclass(frozen=True)
class _Kept:
    tokens: Int[Tensor, "batch pos"]
    lengths: Int[Tensor, " batch"]
    labels: Int[Tensor, " batch"]
    example: Int[Tensor, " batch"]
    n_cut: int
    special_ids: tuple[int, ...]

    @classmethod
    def of(cls, batch: Batch) -> _Kept:
        lengths = batch.mask.sum(1, dtype=torch.int32)
        return cls(batch.tokens.int(), lengths, batch.labels, batch.example, batch.n_cut, batch.special_ids)

    def batch(self) -> Batch:
        tokens = self.tokens.long()
        mask = torch.arange(tokens.shape[1]) < self.lengths.unsqueeze(1)
        return Batch(tokens, mask, self.labels, self.example, self.n_cut, self.special_ids)


def tokenized_once(data: Any, tokenizer: TextTokenizer) -> Any:
    """Return data whose texts are tokenised once: token ids are kept, those of a stream with its rows on disk."""
    if hasattr(data, "__len__"):
        return TokenizedTexts(data, tokenizer)
    return KeptTexts(kept_rows(data, tokenizer), tokenizer)


def kept_rows(rows: Iterable[Mapping[str, Any]], tokenizer: TextTokenizer, label: Any = None) -> Dataset:
    """Return rows with their ``text``, ``label`` and token ids on disk, in the folder for temporary files.

    The disk holds the texts, 4 bytes a token and about 30 a row; memory does not grow with the rows. The file has no
    name, so that nothing is left behind, however the process ends.

    In several processes all must call it with the same rows; each tokenises its share and keeps all rows.

    Args:
        rows: read once.
        tokenizer: of the model.
        label: the type of the label column; by default whole numbers.

    Raises:
        TextError: a text without any token.
        OSError: a disk too full.

    >>> from safr_lens.data.tokenizer import train_tokenizer
    >>> rows = kept_rows(({"text": text, "label": 1} for text in ("a film", "a plot")), train_tokenizer(["a a"]))
    >>> rows["text"][:], rows["label"][:]
    (['a film', 'a plot'], [1, 1])
    """
    features = Features({"text": Value("string"), "label": label or Value("int64"), TOKEN_IDS: Value("binary")})
    at_once, left = TEXTS_AT_ONCE * process_share()[1], iter(rows)
    with tempfile.TemporaryFile() as file:
        with ArrowWriter(features=features, stream=file) as writer:
            while part := list(itertools.islice(left, at_once)):
                texts, labels = [row["text"] for row in part], [row["label"] for row in part]
                writer.write_batch({"text": texts, "label": labels, TOKEN_IDS: _shared_ids(texts, tokenizer)})
            writer.finalize(close_stream=False)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # which outlives the open file
    # a fingerprint, since else the whole file would be read for one
    return Dataset(InMemoryTable.from_buffer(pa.py_buffer(mapped)), fingerprint=uuid.uuid4().hex)


def kept_streams(data: TextData, tokenizer: TextTokenizer) -> TextData:
    """Return data whose streams are read and tokenised once; see :func:`kept_rows`.

    Their rows are shuffled as those of the streams are. Streams of several shards, as a user may have them, stay as
    they are, since their shards are shuffled too.
    """
    splits = {
        name: kept_rows(split, tokenizer, (split.features or {}).get("label")).to_iterable_dataset()
        if isinstance(split, IterableDataset) and split.num_shards == 1
        else split
        for name, split in data.splits.items()
    }
    return replace(data, splits=splits)


def _shared_ids(texts: list[str], tokenizer: TextTokenizer) -> list[bytes]:
    """Return the token ids of texts, of which each process tokenises its share."""
    process, n_processes = process_share()
    own = tokenizer.all_ids(texts[process::n_processes])
    flat = gathered(torch.tensor([number for ids in own for number in ids], dtype=torch.int32))
    lengths = gathered(torch.tensor([len(ids) for ids in own], dtype=torch.int64))
    encoded = [b""] * len(texts)
    for place, (ids, sizes) in enumerate(zip(flat, lengths, strict=True)):
        encoded[place::n_processes] = [one.numpy().tobytes() for one in ids.split(sizes.tolist())]
    check_tokens(texts, encoded)
    return encoded
