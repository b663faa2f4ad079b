"""Reading word vectors: each format, and each fault."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from safr_lens import train_tokenizer
from safr_lens.errors import ConfigError
from safr_lens.word_vectors import embedding_table, read_word_vectors

WORDS = ("a", "dull", "film")
GLOVE = "the 9 9\na 1 0\ndull 0 2\nfilm 3 4\n"
ROWS = {"a": [1.0, 0.0], "dull": [0.0, 1.0], "film": [0.6, 0.8]}


@pytest.fixture
def tokenizer():
    return train_tokenizer(["a dull film"], min_frequency=1)


def written(tmp_path, content: str, name: str = "vectors.txt"):
    path = tmp_path / name
    data = content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def read(path, tokenizer, *, centre=False):
    found = read_word_vectors(path, tokenizer, centre=centre)
    return {word: row.tolist() for word, row in zip(found.words, found.vectors, strict=True) if row.isfinite().all()}


def assert_rows(found, expected):
    assert found.keys() == expected.keys()
    for word, row in expected.items():
        assert found[word] == pytest.approx(row)


@pytest.mark.parametrize("name", ["glove.6B.2d.txt", "wiki.vec", "GLOVE.TXT", "glove.txt.gz", "wiki.vec.gz"])
@pytest.mark.parametrize("header", ["", "4 2\n"])
def test_text_with_and_without_a_header(tmp_path, tokenizer, name, header):
    assert_rows(read(written(tmp_path, header + GLOVE, name), tokenizer), ROWS)


@pytest.mark.parametrize(
    "change", [("\n", "\r\n"), (" ", "\t"), ("\n", " \n"), ("film 3", "film  3"), ("\nf", "\n\nf")]
)
def test_text_as_other_programs_write_it(tmp_path, tokenizer, change):
    assert_rows(read(written(tmp_path, GLOVE.replace(*change)), tokenizer), ROWS)


@pytest.mark.parametrize("line", [". . . 5 5\n", "at name@domain.com 5 5\n", "\xa0 5 5\n"])
@pytest.mark.parametrize("first", [True, False])
def test_words_with_blanks_and_odd_ones(tmp_path, tokenizer, line, first):
    assert_rows(read(written(tmp_path, line + GLOVE if first else GLOVE + line), tokenizer), ROWS)


def test_case_and_words_that_stand_twice(tmp_path, tokenizer):
    content = "FILM 5 0\nFilm 0 5\nfilm 3 4\nfilm 9 0\nDull 0 2\nDULL 7 0\na 1 0\n"
    assert_rows(read(written(tmp_path, content), tokenizer), ROWS)


def test_special_tokens_are_no_words(tmp_path, tokenizer):
    special = "".join(f"{tokenizer.word(i)} 1 1\n" for i in range(2))
    assert_rows(read(written(tmp_path, special + GLOVE), tokenizer), ROWS)


def test_centred_like_vectors_made_from_texts(tmp_path, tokenizer):
    found = read_word_vectors(written(tmp_path, "the 9 9\na 11 10\ndull 9 10\nfilm 10 13\n"), tokenizer)
    rows = found.vectors[found.known]
    assert rows.norm(dim=1).tolist() == pytest.approx([1, 1, 1])
    raw = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [0.0, 2.0]])
    torch.testing.assert_close(rows, raw / raw.norm(dim=1, keepdim=True))
    assert found.nearest("a", 1)[0][0] == "dull" and found.source.endswith("vectors.txt")
    assert found.counts.sum() == 0


@pytest.mark.parametrize("kind", ["npy", "safetensors"])
@pytest.mark.parametrize("beside", ["v.words.txt", "v.words.json", "words.txt", "words.json"])
def test_arrays_with_a_word_list(tmp_path, tokenizer, kind, beside):
    rows = np.array([[1, 0], [0, 2], [3, 4], [9, 9]], dtype=np.float16)
    words = [*WORDS, "the"]
    path = tmp_path / f"v.{kind}"
    np.save(path, rows) if kind == "npy" else save_file({"embedding": rows}, path)
    (tmp_path / beside).write_text(json.dumps(words) if beside.endswith("json") else "\n".join(words))
    assert_rows(read(path, tokenizer), ROWS)


def test_the_tensor_called_vectors(tmp_path, tokenizer):
    rows = np.array([[1, 0], [0, 2], [3, 4]], dtype=np.float32)
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    save_file({"vectors": rows, "other": rows + 1}, tmp_path / "v.safetensors")
    assert_rows(read(tmp_path / "v.safetensors", tokenizer), ROWS)
    save_file({"one": rows, "other": rows}, tmp_path / "v.safetensors")
    with pytest.raises(ConfigError, match="one, other"):
        read(tmp_path / "v.safetensors", tokenizer)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a 1 0\ndull 2\n", 2),
        ("a 1 0\ndull 1 2 3\n", 2),
        ("a 1 0\nthe 1 1\ndull 1 x\n", 3),
        ("3 2\na 1 0\nother\n", 3),
        ("a 1 0\ndull nan 1\n", 2),
        ("a 1 0\n 1 1\n", 2),
    ],
)
def test_a_broken_line_is_named(tmp_path, tokenizer, content, line):
    with pytest.raises(ConfigError, match=f"line {line}: expected a word and 2 finite numbers"):
        read(written(tmp_path, content), tokenizer)


def test_files_that_are_something_else(tmp_path, tokenizer):
    with pytest.raises(ConfigError, match="Did you mean 'vectors"):
        written(tmp_path, GLOVE)
        read(tmp_path / "vector.txt", tokenizer)
    with pytest.raises(ConfigError, match="save_word2vec_format"):
        read(written(tmp_path, "", "GoogleNews.bin"), tokenizer)
    with pytest.raises(ConfigError, match="unknown format"):
        read(written(tmp_path, "", "vectors"), tokenizer)
    with pytest.raises(ConfigError, match="knows 0 of the tokenizer's"):
        read(written(tmp_path, "", "empty.txt"), tokenizer)
    with pytest.raises(ConfigError, match="knows 1 of the tokenizer's"):
        read(written(tmp_path, "der 1 1\nfilm 1 2\n"), tokenizer)
    (tmp_path / "cut.vec.gz").write_bytes(gzip.compress(GLOVE.encode())[:-9])
    with pytest.raises(ConfigError, match="no readable text file"):
        read(tmp_path / "cut.vec.gz", tokenizer)


def test_faults_of_arrays(tmp_path, tokenizer):
    path = tmp_path / "v.npy"
    np.save(path, np.ones((2, 2)))
    with pytest.raises(ConfigError, match=r"needs a list of its words beside it.*v\.words\.txt"):
        read(path, tokenizer)
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    with pytest.raises(ConfigError, match=r"expected numbers of shape \[3, d_embed\]"):
        read(path, tokenizer)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match="no array of word vectors"):
        read(path, tokenizer)
    (tmp_path / "v.safetensors").write_bytes(b"broken")
    with pytest.raises(ConfigError, match="no array of word vectors"):
        read(tmp_path / "v.safetensors", tokenizer)
    (tmp_path / "v.words.json").write_text('{"a": 1}')
    with pytest.raises(ConfigError, match="expected a list of words"):
        read(path, tokenizer)


def test_only_the_words_of_the_tokenizer_are_kept(tmp_path, tokenizer):
    found = read_word_vectors(written(tmp_path, GLOVE), tokenizer)
    assert len(found.vectors) == tokenizer.d_vocab
    torch.testing.assert_close(embedding_table(found, tokenizer), found.vectors, equal_nan=True)
