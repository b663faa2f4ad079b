"""JSON files: one object a line, or one list."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from safr_lens import load_data
from safr_lens.errors import DataError
from tests.data.local_files import as_read

ROWS = [{"text": "a\u2028b ☕", "label": "pos"}, {"text": "c", "label": "neg"}]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects(tmp_path, indent):
    path = tmp_path / "a.json"
    path.write_text("\n" + json.dumps(ROWS, indent=indent, ensure_ascii=False))
    assert as_read(path) == [("a\u2028b ☕", "pos"), ("c", "neg")]


def test_json_may_have_one_object_a_line(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in ROWS), newline="")
    assert as_read(path) == [("a\u2028b ☕", "pos"), ("c", "neg")]


def test_a_list_in_a_jsonl_file_is_to_be_renamed(tmp_path):
    path = tmp_path / "my rows.jsonl"
    path.write_text(json.dumps(ROWS))
    with pytest.raises(DataError, match=r"found list.*rename it: 'my rows\.json'"):
        load_data(path)
    assert len(as_read(path.rename(tmp_path / "my rows.json"))) == 2


def test_columns_are_to_be_written_as_rows(tmp_path):
    path = tmp_path / "a.json"
    table = pd.DataFrame(ROWS)
    table.to_json(path)
    with pytest.raises(DataError, match=r"whole columns \('text', 'label'\).*orient='records', lines=True"):
        load_data(path)
    table.to_json(tmp_path / "data.jsonl", orient="records", lines=True)
    assert len(as_read(tmp_path / "data.jsonl")) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "a", "label": 1, "text": "b"}\n', "line 1: not JSON .the key 'text' stands twice"),
        ('{"text": "a", "label": 1}\n{"text": "b", "la', "line 2: not JSON"),
        ('[{"text": "a", "label": 1}, {"text": "b"', "not JSON"),
        ('[{"text": "a", "label": 1}, 3]', "row 2: expected an object, found int"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_rows_that_would_be_lost_are_named(tmp_path, content, said):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        load_data(path)
