"""Short numbers that stand for the rows of data: whether a text was seen before, without keeping the text."""

from __future__ import annotations

import hashlib
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, UInt64


def text_key(text: str) -> str:
    """Return what two texts must share to count as the same: their words, without case, width and spacing.

    >>> text_key("A  Good film") == text_key("a good film ")
    True
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


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
    checksum: str = ""

    def only(self, chosen: Bool[np.ndarray, " n_rows"]) -> SplitFingerprint:
        """Return some of the rows; without a checksum, since their texts are not known."""
        return SplitFingerprint(self.texts[chosen], self.labels[chosen])

    def difference(self, other: SplitFingerprint) -> str:
        """Say how the rows of another one differ; empty where nothing does."""
        if self.checksum == other.checksum != "":
            return ""
        return self.changes(other) or "the same texts in another order or spelling"

    def changes(self, other: SplitFingerprint) -> str:
        """Say how many texts another one has more, less or with other labels; empty where none."""
        before, after = Counter(self.texts.tolist()), Counter(other.texts.tolist())
        gone, new = (before - after).total(), (after - before).total()
        labelled = [Counter(zip(one.texts.tolist(), one.labels.tolist(), strict=True)) for one in (self, other)]
        relabelled = (labelled[0] - labelled[1]).total() - gone
        changes = {"other labels": relabelled, "removed": gone, "new": new}
        said = [f"{n:,} {'text' if n == 1 else 'texts'} {what}" for what, n in changes.items() if n > 0]
        return ", ".join(said)


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
