"""Data whose texts are tokenised once, however often it is read."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any

from safr_lens.data.tokenizer import TextTokenizer


class TokenizedTexts:
    """Rows of data beside the token ids of their texts, which are kept from the first reading on (4 bytes a token).

    Args:
        data: texts, or rows with ``text``, of known length.
        tokenizer: of the model that reads them.
    """

    def __init__(self, data: Any, tokenizer: TextTokenizer) -> None:
        self.data, self.tokenizer = data, tokenizer
        self.pad_id, self.special_ids = tokenizer.pad_id, tokenizer.special_ids
        self._kept: dict[bytes, tuple[array, int]] = {}

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def ids_batch(self, texts: Sequence[str], *, n_ctx: int) -> list[tuple[list[int], int]]:
        """Return what :meth:`TextTokenizer.ids_batch` returns; only texts that are new are tokenised."""
        keys = [hashlib.blake2b(f"{n_ctx} {text}".encode("utf-8", "surrogatepass")).digest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._kept}
        encoded = self.tokenizer.ids_batch(list(new.values()), n_ctx=n_ctx)
        for key, (ids, n_cut) in zip(new, encoded, strict=True):
            self._kept[key] = array("i", ids), n_cut
        return [(self._kept[key][0].tolist(), self._kept[key][1]) for key in keys]


def tokenized_once(data: Any, tokenizer: TextTokenizer) -> Any:
    """Return data whose texts are tokenised once; a stream as it is, since its token ids may not fit into memory."""
    known = isinstance(data, Sized) and not isinstance(data, (str, Mapping))
    return TokenizedTexts(data, tokenizer) if known else data
