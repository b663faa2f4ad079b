"""Encodings of text files: looked up in the bytes, and said; what is none is refused with advice that works."""

from __future__ import annotations

import re

import pytest

from safr_lens import load_data
from safr_lens.errors import DataError

TABLE = "text,label\n“Très” bon – café,1\nmauvais,0\n"
TEXTS = ["“Très” bon – café", "mauvais"]


def texts(path, **options) -> list[str]:
    return [row["text"] for row in load_data(path, cut_missing=False, **options)["test"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encoding_is_looked_up(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE.encode(encoding))
    assert texts(path) == TEXTS


def test_utf16_of_either_order_has_its_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xfe\xff" + TABLE.encode("utf-16-be"))
    assert texts(path) == TEXTS


def test_an_accent_far_down_a_long_file_is_found(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(("text,label\n" + "plain,0\n" * 150_000 + "café,1\n").encode("cp1252"))
    assert texts(path)[-1] == "café"


RUSSIAN = "text,label\n" + "Отличный фильм о жизни и любви,1\nСкучный и плохой сюжет,0\n" * 4
JAPANESE = "text,label\n" + "とても面白い映画でした。,1\n退屈で長い作品だった。,0\n" * 4
CHINESE = "text,label\n" + "这部电影非常精彩,1\n剧情很无聊而且太长,0\n" * 4


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
        (TABLE, "utf-16-le"),
    ],
)
def test_other_encoding_is_named_in_advice_that_works(tmp_path, content, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode(encoding))
    with pytest.raises(DataError) as error:
        load_data(path, cut_missing=False)
    advised = re.search(r"--encoding (\S+) \(in Python: encoding='(.*)'\)", str(error.value))
    assert advised[1] == advised[2]
    expected = [line.rpartition(",")[0] for line in content.splitlines()[1:]]
    assert texts(path, encoding=advised[1]) == expected


def test_bytes_of_no_text_can_still_be_read_as_advised(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\ncaf\xe9\x81\xff,1\nbad,0\n")
    with pytest.raises(DataError, match=r"not UTF-8 text .byte 0xe9") as error:
        load_data(path)
    assert len(texts(path, encoding=re.search(r"encoding='(.*)'", str(error.value))[1])) == 2


def test_wrong_encoding_is_an_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE.encode("cp1252"))
    with pytest.raises(DataError, match=r"is no utf-8 text .byte 0x93.*--encoding cp1252"):
        load_data(path, encoding="utf-8")
    assert texts(path, encoding="cp1252") == TEXTS


def test_unknown_encoding_names_its_near_match(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(TABLE)
    with pytest.raises(DataError, match=r"Unknown encoding 'cp125'. Did you mean 'cp125"):
        load_data(path, encoding="cp125")
    with pytest.raises(DataError, match="Unknown encoding 'rot13'"):
        load_data(path, encoding="rot13")


def test_a_file_that_mixes_encodings_names_the_line_to_write_anew(tmp_path):
    path = tmp_path / "a.csv"
    good = "text,label\n“naïve” café,1\n”bad” – so,0\n".encode()
    path.write_bytes(good + b"d\xe9j\xe0,1\n")
    with pytest.raises(DataError, match=r"mixes encodings: line 4 is not UTF-8 text .byte 0xe9.*Write the line anew"):
        load_data(path)
    path.write_bytes(good + "déjà,1\n".encode())
    assert texts(path) == ["“naïve” café", "”bad” – so", "déjà"]


def test_utf16_named_without_its_mark_is_mended_as_advised(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE.encode("utf-16-be"))
    with pytest.raises(DataError, match="--encoding utf-16-le or utf-16-be"):
        load_data(path, encoding="utf-16")
    assert texts(path, encoding="utf-16-be") == TEXTS


def test_utf32_has_its_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE.encode("utf-32"))
    assert texts(path) == TEXTS


def test_a_file_that_is_cut_off_is_to_be_fetched_anew(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE.encode("utf-16")[:-1])
    with pytest.raises(DataError, match=r"truncated data.*It may be cut off; fetch it anew"):
        load_data(path)
