"""The one door for JSON and YAML: known good files come back, and nothing in a bad one hangs or surprises."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from safr_lens.documents import (
    DocumentError,
    check_regular,
    checked,
    parse_json,
    read_json,
    read_json_lines,
    read_settings_file,
    read_text,
)

NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@given(VALUES)
def test_json_comes_back(value):
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested more than 64 deep"),
        ("[" * 100 + "]" * 100, "nested more than 64 deep"),
        ('{"a":' * 100_000, "nested more than 64 deep"),
        ("1" * 5000, "4300"),
        ("1" * 30, "more than 63 bits"),
        ("[NaN]", "NaN, which JSON does not know"),
        ("-Infinity", "Infinity"),
        ("1e999", "not finite"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' is named twice"),
        ("{", "Expecting"),
        ("", "Expecting value"),
        (b"\xff", "can't decode"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_bad_json_is_refused(text, said):
    with pytest.raises(DocumentError, match=said):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "more than 10,000 values"),
        ("a: &a [*a]", "nested more than 64 deep"),
        ("[" * 3000, "nested more than 64 deep"),
        ("a: 1\nb: 2\na: 3", "'a' is named twice"),
        ("a: " + "1" * 5000, "4300"),
        ("a: .nan", "not finite"),
        ("a: 2001-99-99", "month must be"),
        ("a: !!python/object/apply:os.system [true]", "python/object"),
        ("a: b: c", "mapping values"),
        ("a: 'x' 'y'", "expected <block end>"),
        ("? {a: 1}\n: 2", "unhashable"),
        ("x" * 2**19, "more than 262,144 bytes"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_bad_yaml_is_refused(text, said, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError, match=said):
        read_settings_file(path)


def test_good_settings_come_back_repeated_values_too(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("epochs: 3\na: &a {start: 1.5}\nb: *a\n")
    assert read_settings_file(path) == {"epochs": 3, "a": {"start": 1.5}, "b": {"start": 1.5}}
    path.with_suffix(".json").write_text('{"epochs": 3}')
    assert read_settings_file(path.with_suffix(".json")) == {"epochs": 3}


@pytest.mark.parametrize("name", ["pipe", "folder", "/dev/zero"])
def test_what_is_no_file_is_not_opened(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for read in (check_regular, read_text, read_json, read_settings_file):
        with pytest.raises(DocumentError, match="no regular file"):
            read(tmp_path / name)


def test_a_missing_file_is_no_document(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")


def test_a_file_is_bounded_and_utf8(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc\xff")
    with pytest.raises(DocumentError, match="byte 3 is no UTF-8"):
        read_text(path)
    with pytest.raises(DocumentError, match="more than 3 bytes"):
        read_text(path, most=3)


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1}\n\n{"epoch": 2}\n')
    assert read_json_lines(path) == [{"epoch": 1}, {"epoch": 2}]
    path.write_text('{"epoch": 1}\n{"epoch": NaN}\n')
    with pytest.raises(DocumentError, match="line 2: it holds NaN"):
        read_json_lines(path)


class Run(TypedDict):
    labels: list[str]
    sizes: dict[str, int]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"labels": [1], "sizes": {}}, r"labels.0: input should be a valid string; got 1"),
        ({"labels": ["a"]}, "sizes: field required"),
        ({"labels": ["a"], "sizes": {"d": True}}, "sizes.d: input should be a valid integer; got True"),
        ([], "the whole: input should be a valid dictionary"),
    ],
)
def test_a_schema_names_the_place_that_differs(value, said):
    with pytest.raises(DocumentError, match=said):
        checked(Run, value)
    assert checked(Run, {"labels": ["a"], "sizes": {"d": 1}})["labels"] == ["a"]
