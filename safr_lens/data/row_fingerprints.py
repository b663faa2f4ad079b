"""Short numbers that stand for the rows of data: whether a text was seen before, without keeping the text."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, UInt64

from safr_lens.data.splits import text_key


def text_number(text: str) -> int:
    """Return 64 bits that two texts share if they are the same but for case, width and spacing.

    Another pair of texts shares them with a probability of :math:`2^{-64}`.

    >>> text_number("A  Good film") == text_number("a good film")
    True
    """
    return int(text_key(text)[:16], 16)


@dataclass(frozen=True, eq=False)
class SplitFingerprint:
    """The rows of one split in their order.

    Attributes:
        texts: a number a text (:func:`text_number`).
        labels: of each row; -1 where there is none.
        checksum: of all texts as they are written, their labels and their order.
    """

    texts: UInt64[np.ndarray, " n_rows"]
    labels: Int[np.ndarray, " n_rows"]
    checksum: str

    def difference(self, other: SplitFingerprint) -> str:
        """Say what the rows of another one have that these do not; empty where nothing differs."""
        if self.checksum == other.checksum:
            return ""
        before, after = Counter(self.texts.tolist()), Counter(other.texts.tolist())
        gone, new = (before - after).total(), (after - before).total()
        labelled = [Counter(zip(one.texts.tolist(), one.labels.tolist(), strict=True)) for one in (self, other)]
        relabelled = (labelled[0] - labelled[1]).total() - gone
        changes = {"other labels": relabelled, "removed": gone, "new": new}
        said = [f"{n:,} {'text' if n == 1 else 'texts'} {what}" for what, n in changes.items() if n > 0]
        return ", ".join(said) or "the same texts in another order or spelling"


def split_fingerprint(rows: Iterable[Mapping[str, Any]]) -> SplitFingerprint:
    """Return the fingerprint of rows with ``text`` and ``label``, which are read once, also from a stream.

    >>> rows = [{"text": "a good film", "label": 1}, {"text": "a bad film", "label": 0}]
    >>> before = split_fingerprint(rows)
    >>> before.difference(split_fingerprint([*rows[:1], {"text": "a bad film", "label": 1}]))
    '1 text other labels'
    """
    texts, labels, checksum = array("Q"), array("q"), hashlib.blake2b(digest_size=16)
    for row in rows:
        label = row.get("label")
        texts.append(text_number(row["text"]))
        labels.append(-1 if label is None else int(label))
        written = row["text"].encode("utf-8", "surrogatepass")
        checksum.update(len(written).to_bytes(8, "big") + written + labels[-1].to_bytes(8, "big", signed=True))
    return SplitFingerprint(np.array(texts, dtype=np.uint64), np.array(labels, dtype=np.int64), checksum.hexdigest())
