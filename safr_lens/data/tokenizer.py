"""From text to token ids: word-level or BPE tokenizers of the ``tokenizers`` library, with readable tokens."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from safr_lens.data.rows import Data, texts_of
from safr_lens.documents import check_regular, read_text
from safr_lens.errors import CheckpointError, ConfigError, DataError, TextError, near_matches
from safr_lens.visible import shown

PAD, UNK = "[PAD]", "[UNK]"
KINDS = ("word", "bpe")
MOST_BYTES = 2**28
SAMPLE = "a \u4e00\U0001f600 ?"  # with a word that few tokenizers know
# HTML line breaks, words before n't, n't, 's and the like, words, single signs
WORD = r"<br\s*/?>|\w+?(?=n't\b)|n't\b|'\w{1,2}\b|\w+|[^\w\s]"


def without_surrogates(text: str) -> str:
    """Return ``text`` with lone surrogates, which UTF-8 cannot hold, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@dataclass(frozen=True)
class Encoding:
    """Token ids of one text, special ones included, and the tokens of the text as they stand in it.

    Attributes:
        ids: of all tokens.
        tokens: the stretch of the text that each token of the text stands for; special tokens stand for none.
        words: of each token of the text, the number of the word it is a piece of, from 0.
        n_cut: how many tokens were cut off to fit the context.
    """

    ids: list[int]
    tokens: list[str]
    words: list[int]
    n_cut: int


class TextTokenizer:
    """A ``tokenizers.Tokenizer`` whose padding id no text can produce.

    Args:
        tokenizer: any tokenizer of the ``tokenizers`` library.
        pad_id: the id of padding.
        add_special_tokens: put the tokenizer's own special tokens around each text, as pretrained models expect it. A
            text that spells one out (``"[SEP]"``) still is text.
    """

    def __init__(self, tokenizer: Tokenizer, *, pad_id: int = 0, add_special_tokens: bool = False) -> None:
        self.tokenizer = tokenizer
        self.pad_id = pad_id
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.byte_level = False
        self.prefix: list[int] = []
        self.suffix: list[int] = []
        if add_special_tokens:
            self.tokenizer.encode_special_tokens = True
            self.byte_level = isinstance(self.tokenizer.decoder, decoders.ByteLevel)
            self.prefix, self.suffix = _around(self.tokenizer)

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Ids of the tokens that are put around each text."""
        return tuple(dict.fromkeys([*self.prefix, *self.suffix]))

    @cached_property
    def d_vocab(self) -> int:
        """Number of token ids: one more than the highest."""
        return 1 + max(self.tokenizer.get_vocab().values(), default=-1)

    def word(self, token_id: int) -> str:
        """Return the vocabulary entry of a token id; of byte-level pieces as text, with ``##`` ahead inside a word."""
        entry = self.tokenizer.id_to_token(token_id)
        if entry is None:  # an id that is left out
            return ""
        if not self.byte_level or (text := self.tokenizer.decode([token_id])) == "":
            return entry
        return f"##{text}" if text.isalpha() else text.strip() or entry

    def encode(self, text: str, *, n_ctx: int, truncate: bool = False) -> Encoding:
        """Encode one text.

        Raises:
            TextError: a text without any token, or with more than ``n_ctx`` tokens when ``truncate`` is off.
        """
        return self.encode_batch([text], n_ctx=n_ctx, truncate=truncate)[0]

    def ids_batch(self, texts: Sequence[str], *, n_ctx: int) -> list[tuple[list[int], int]]:
        """Return token ids cut to ``n_ctx`` and how many were cut off, of several texts: faster than whole encodings.

        Raises:
            TextError: a text without any token.
        """
        encoded = self.all_ids(texts)
        check_tokens(texts, encoded)
        return [self.cut(ids, n_ctx=n_ctx) for ids in encoded]

    def all_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of several texts, uncut and without special ones; none for a text without a word."""
        return [raw.ids for raw in self.tokenizer.encode_batch_fast(_clean(texts), add_special_tokens=False)]

    def cut(self, ids: list[int], *, n_ctx: int) -> tuple[list[int], int]:
        """Return the token ids of a text cut to ``n_ctx``, with special ones, and how many were cut off."""
        room = self.room(n_ctx)
        return self.with_special(ids[:room]), max(0, len(ids) - room)

    def encode_batch(self, texts: Sequence[str], *, n_ctx: int, truncate: bool = False) -> list[Encoding]:
        """Encode several texts; see :meth:`encode`."""
        clean = _clean(texts)
        room = self.room(n_ctx)
        encoded = []
        for text, raw in zip(clean, self.tokenizer.encode_batch(clean, add_special_tokens=False), strict=True):
            ids = raw.ids
            if not ids:
                raise TextError(_no_token(text))
            if len(ids) > room and not truncate:
                raise TextError(
                    f"A text has {len(ids):,} tokens, but the model reads at most {room:,}: {shown(text, 60)}... "
                    "Shorten it, or cut it with --truncate (in Python: truncate=True)."
                )
            pieces = [text[a:b] or token for (a, b), token in zip(raw.offsets[:room], raw.tokens[:room], strict=True)]
            words = [number if word is None else word for number, word in enumerate(raw.word_ids[:room])]
            encoded.append(Encoding(self.with_special(ids[:room]), pieces, words, max(0, len(ids) - room)))
        return encoded

    def room(self, n_ctx: int) -> int:
        """Return how many tokens of a text fit beside the special ones."""
        return n_ctx - len(self.prefix) - len(self.suffix)

    def with_special(self, ids: list[int]) -> list[int]:
        """Return the token ids of a text with the special ones around them."""
        return [*self.prefix, *ids, *self.suffix]

    def save(self, path: Path) -> None:
        """Write ``tokenizer.json``."""
        self.tokenizer.save(str(path))

    @classmethod
    def load(cls, path: Path, *, pad_id: int | None = None, add_special_tokens: bool = False) -> TextTokenizer:
        """Read a ``tokenizer.json``, ours or a pretrained model's.

        Args:
            path: of the file.
            pad_id: the id of padding; by default that of its usual names.
            add_special_tokens: see :class:`TextTokenizer`.

        Raises:
            CheckpointError: a missing or foreign file.
        """
        try:
            check_regular(path)
            tokenizer = Tokenizer.from_str(read_text(path, most=MOST_BYTES))
        except FileNotFoundError:
            raise CheckpointError(f"{path} is missing. Is this a folder written by safr-lens train?") from None
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # for a foreign file the library raises a bare Exception, or panics
            raise CheckpointError(f"{path} is not a tokenizer.json: {error!s:.120}") from None
        if pad_id is None:
            pad_id = next((i for i in map(tokenizer.token_to_id, (PAD, "<pad>", "<|endoftext|>")) if i is not None), 0)
        return _usable(path, lambda: cls(tokenizer, pad_id=pad_id, add_special_tokens=add_special_tokens))


def _usable(path: Path, make: Callable[[], TextTokenizer]) -> TextTokenizer:
    """Return what is made of a file, or raise a CheckpointError where it cannot read a text or gives ids of its own."""
    try:
        made = make()
        made.tokenizer.encode_batch([SAMPLE])
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise CheckpointError(f"{path} makes a tokenizer that cannot read a text: {error!s:.120}") from None
    for token_id in (made.pad_id, *made.special_ids):
        if type(token_id) is not int or not 0 <= token_id < made.d_vocab:
            raise CheckpointError(
                f"{path} has {made.d_vocab:,} token ids; padding or a special token has the id {shown(token_id)}."
            )
    return made


def _around(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    raw = tokenizer.encode("a")
    inner = [i for i, special in enumerate(raw.special_tokens_mask) if not special]
    return raw.ids[: inner[0]], raw.ids[inner[-1] + 1 :]


def _clean(texts: Sequence[str]) -> list[str]:
    for text in texts:
        if not isinstance(text, str):
            raise TextError(f"Expected a text, got {type(text).__name__}: {shown(text, 60)}")
    # composed here and not by the tokenizer alone, whose offsets would lose the accents of decomposed letters
    return [unicodedata.normalize("NFC", without_surrogates(text)) for text in texts]


def check_tokens(texts: Sequence[str], encoded: Sequence[Sized]) -> None:
    """Raise a TextError where a text has no token."""
    for text, ids in zip(texts, encoded, strict=True):
        if not len(ids):
            raise TextError(_no_token(*_clean([text])))


def _no_token(text: str) -> str:
    return f"A text has no token: {shown(text, 60)}. Expected at least one word."


def train_tokenizer(
    texts: Data, *, kind: str = "word", min_frequency: int = 2, max_vocab: int = 30_000
) -> TextTokenizer:
    """Make a tokenizer from the training texts alone.

    Args:
        texts: the training texts, in a list, a DataFrame, a ``Dataset`` or a dictionary of columns; of splits,
            ``train`` is meant.
        kind: ``"word"`` for lower-cased words and signs, ``"bpe"`` for byte-pair pieces of them.
        min_frequency: words (or pairs) seen less often are unknown (or not merged).
        max_vocab: at most so many ids.

    Raises:
        ConfigError: an unknown kind.
        DataError: no text at all.

    >>> tokenizer = train_tokenizer(["a film", "a dull film", "it does n't work", "doesn't it"], min_frequency=1)
    >>> tokenizer.encode("A film doesn't", n_ctx=128).tokens
    ['A', 'film', 'does', "n't"]
    """
    if not isinstance(kind, str) or kind not in KINDS:
        near = near_matches(shown(kind), KINDS)
        raise ConfigError(f"Unknown tokenizer {shown(kind)}; expected {' or '.join(KINDS)}.{near}")
    if not all(type(size) is int and least <= size < 2**63 for size, least in ((min_frequency, 1), (max_vocab, 3))):
        raise ConfigError(
            f"Expected min_frequency >= 1 and max_vocab >= 3; got {shown(min_frequency)} and {shown(max_vocab)}."
        )
    special = [PAD, UNK]
    if kind == "word":
        tokenizer = Tokenizer(models.WordLevel({PAD: 0, UNK: 1}, unk_token=UNK))
        trainer: trainers.Trainer = trainers.WordLevelTrainer(
            vocab_size=max_vocab, min_frequency=min_frequency, special_tokens=special, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=UNK))
        trainer = trainers.BpeTrainer(
            vocab_size=max_vocab, min_frequency=min_frequency, special_tokens=special, show_progress=False
        )
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    tokenizer.train_from_iterator(map(without_surrogates, texts_of(texts, split="train")), trainer)
    if tokenizer.get_vocab_size() <= len(special):
        pieces = " The tokenizer bpe (--tokenizer bpe) counts pieces of words instead." if kind == "word" else ""
        raise DataError(
            f"No word stands at least {min_frequency} times in the training texts; nothing to learn from.{pieces}"
        )
    return TextTokenizer(_without_added_tokens(tokenizer))


def _without_added_tokens(tokenizer: Tokenizer) -> Tokenizer:
    # an added token is matched in the raw text, so a review that says "[PAD]" would turn into padding
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(state))
