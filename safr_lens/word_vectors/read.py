"""Word vectors from the files that people have: text formats, and an array beside a list of words."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open

from safr_lens.checks import checked_path
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.documents import parse_json, read_text
from safr_lens.errors import ConfigError, first_line, near_paths
from safr_lens.visible import listed, shown
from safr_lens.word_vectors.from_texts import special_ids
from safr_lens.word_vectors.vectors import WordVectors, unit_rows

MOST_LIST_BYTES = 2**28

TEXT, ARRAYS, BINARY = (".txt", ".vec"), (".npy", ".safetensors"), (".bin", ".model", ".magnitude", ".pkl", ".pickle")
Row = Float[np.ndarray, " d_embed"]


def read_word_vectors(path: str | Path, tokenizer: TextTokenizer, *, centre: bool = True) -> WordVectors:
    """Read word vectors from a file and keep those of a tokenizer's words.

    ==========================  ======================================================================================
    file                        content
    ==========================  ======================================================================================
    ``.txt``, ``.vec``          one word and its numbers a line (GloVe, word2vec and fastText text format), with or
                                without a first line ``n_words d_embed``; a word may contain blanks
    ``.txt.gz``, ``.vec.gz``    the same, compressed
    ``.npy``, ``.safetensors``  one row a word. The words stand beside it, in ``NAME.words.txt`` (one a line),
                                ``NAME.words.json`` (a list), ``words.txt`` or ``words.json``: the first that exists.
                                A safetensors file holds one tensor, or one of them is called ``vectors``
    ==========================  ======================================================================================

    A word gets the vector of its own spelling, or else of the first spelling in the file that is the same in lower
    case ("Film" for "film"). Of a word that stands in the file twice the first vector counts. A text file is read line
    by line, so memory holds the tokenizer's words alone.

    Args:
        path: the file.
        tokenizer: whose words are kept.
        centre: subtract the mean of the vectors that are kept, as :func:`word_vectors` does: the common part of
            pretrained vectors makes all words look alike (Mu and Viswanath 2018, arXiv 1702.01417).

    Returns:
        Vectors of unit length; NaN for words that the file does not have. The counts are 0.

    Raises:
        ConfigError: a file that is missing, of another format, or broken, with the line where it is.

    >>> import tempfile
    >>> from safr_lens import train_tokenizer
    >>> file = Path(tempfile.mkdtemp()) / "small.vec"
    >>> _ = file.write_text("3 2\\ndull 1.0 0.0\\nFilm 0.0 2.0\\nother 5.0 5.0\\n")
    >>> vectors = read_word_vectors(file, train_tokenizer(["a dull film"], min_frequency=1), centre=False)
    >>> [word for word, known in zip(vectors.words, vectors.known) if known]
    ['dull', 'film']
    """
    path = checked_path(path, what="a file of word vectors")
    words = tuple(map(tokenizer.word, range(tokenizer.d_vocab)))
    special = set(special_ids(tokenizer))
    kept = _kept(_rows(path, words), {word: i for i, word in enumerate(words) if word and i not in special})
    vectors = torch.full((len(words), len(next(iter(kept.values()))) if kept else 1), torch.nan)
    for i, row in kept.items():
        vectors[i] = torch.from_numpy(row)
    vectors = vectors.double()
    if centre and kept:
        vectors -= vectors[list(kept)].mean(0)
    unit, known = unit_rows(vectors)
    if int(known.sum()) < 2:
        raise ConfigError(
            f"{path} knows {int(known.sum())} of the tokenizer's {len(words):,} entries; expected at least two with a "
            f"finite vector other than zero. Is it of another language? The entries are spelled like "
            f"{listed(map(shown, words[2:5]))}."
        )
    unit[~known] = torch.nan
    counts = torch.zeros(len(words), dtype=torch.int64)
    return WordVectors(words, counts, unit.float(), source=str(path), file_checksum=_checksum(words, kept, centre))


def _rows(path: Path, words: Iterable[str]) -> Iterator[tuple[str, Row]]:
    """Yield words and vectors of any format; of text, only of lines whose word is wanted."""
    if not path.is_file():
        raise ConfigError(f"{path}: no such file of word vectors.{near_paths(path)}")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else suffixes[-1] if suffixes else ""
    if ending in TEXT:
        return _text_rows(path, {word.lower() for word in words})
    if ending in ARRAYS and suffixes[-1] != ".gz":
        return _array_rows(path)
    expected = f"Expected {', '.join(TEXT)} (also .gz), or {' or '.join(ARRAYS)} with a list of words beside it"
    if ending in BINARY:
        raise ConfigError(
            f"{path} is a binary file, which is not read. {expected}. To convert it with gensim: "
            "KeyedVectors.load_word2vec_format(file, binary=True) or fasttext.load_facebook_vectors(file), then "
            'save_word2vec_format("vectors.vec").'
        )
    raise ConfigError(f"{path}: unknown format of word vectors. {expected}.")


def _text_rows(path: Path, wanted: set[str]) -> Iterator[tuple[str, Row]]:
    firsts = {word.split(" ")[0] for word in wanted} | {""}
    d_embed = 0
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as lines:
            for number, raw in enumerate(lines, start=1):
                line = raw.decode("utf-8", "strict" if number == 1 else "replace").replace("\t", " ").rstrip("\r\n ")
                if number == 1:
                    header = line.split(" ")
                    if len(header) == 2 and all(part.isdigit() for part in header):
                        d_embed = int(header[1])
                        continue
                d_embed = d_embed or _first_length(line)
                if line and (line.count(" ") < d_embed or line.split(" ", 1)[0].lower() in firsts):
                    yield _word_and_numbers(line, d_embed, path, number)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no readable text file of word vectors: {error}.") from None


def _word_and_numbers(line: str, d_embed: int, path: Path, number: int) -> tuple[str, Row]:
    # from the right, since a word may contain blanks
    spelled, *values = line.rsplit(" ", d_embed)
    first, *others = spelled.strip(" ").split(" ")
    try:
        row = np.array(values, dtype=np.float32)
    except ValueError:
        row = np.empty(0, dtype=np.float32)
    too_many = bool(others) and all(_is_number(part) for part in others)
    if not first or too_many or len(row) != d_embed or not np.isfinite(row).all():
        raise ConfigError(
            f"{path}, line {number}: expected a word and {d_embed} finite numbers, as in the first line. Mend or "
            "remove the line; a file that was not copied to its end breaks off in its last one."
        )
    return " ".join([first, *others]), row


def _first_length(line: str) -> int:
    """Return how many numbers end a line: all of it but the word, which may have several parts."""
    parts = line.split(" ")[1:]
    return max(1, next((n for n, part in enumerate(reversed(parts)) if not _is_number(part)), len(parts)))


def _is_number(part: str) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


def _array_rows(path: Path) -> Iterator[tuple[str, Row]]:
    words = _word_list(path)
    try:
        if path.suffix.lower() == ".npy":
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            with safe_open(path, framework="pt") as tensors:
                names = list(tensors.keys())
                name = names[0] if len(names) == 1 else "vectors"
                if name not in names:
                    raise ConfigError(f"{path} holds {listed(names)}; expected one tensor, or one called vectors.")
                rows = tensors.get_tensor(name).float().numpy()
    except (OSError, ValueError, SafetensorError) as error:
        raise ConfigError(f"{path} is no array of word vectors: {' '.join(str(error).split())}") from None
    if rows.ndim != 2 or len(rows) != len(words) or rows.shape[1] < 1 or rows.dtype.kind not in "fiu":
        raise ConfigError(
            f"{path}: expected numbers of shape [{len(words)}, d_embed], one row for each word of the list; got "
            f"{rows.dtype} of shape {list(rows.shape)}."
        )
    return ((word, np.array(row, dtype=np.float32)) for word, row in zip(words, rows, strict=True))


def _word_list(path: Path) -> list[str]:
    names = [f"{path.stem}.words.txt", f"{path.stem}.words.json", "words.txt", "words.json"]
    beside = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
    if beside is None:
        raise ConfigError(f"{path} needs a list of its words beside it; expected one of {listed(names)}.")
    try:
        text = read_text(beside, most=MOST_LIST_BYTES)
        words = parse_json(text) if beside.suffix == ".json" else text.splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{beside} is no list of words: {first_line(error)}") from None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ConfigError(f"{beside}: expected a list of words.")
    return words


def _kept(rows: Iterable[tuple[str, Row]], ids: dict[str, int]) -> dict[int, Row]:
    """Return the vector of each token id: of the word as it is spelled, else of the first that differs in case."""
    lowered: dict[str, list[int]] = {}
    for word, i in ids.items():
        lowered.setdefault(word.lower(), []).append(i)
    spelled: dict[int, Row] = {}
    otherwise: dict[int, Row] = {}
    for word, row in rows:
        if word in ids:
            spelled.setdefault(ids[word], row)
        for i in lowered.get(word.lower(), ()):
            otherwise.setdefault(i, row)
    return otherwise | spelled


def _checksum(words: tuple[str, ...], kept: dict[int, Row], centre: bool) -> str:
    """Return a checksum of the rows as they stand in the file, before any sum that threads may round otherwise."""
    digest = hashlib.sha256(str(centre).encode())
    for i in sorted(kept):
        digest.update(words[i].encode() + b"\0" + kept[i].astype("<f4").tobytes())
    return digest.hexdigest()[:12]
