"""Data remembers how it was loaded, so that it can be loaded again from anywhere."""

from __future__ import annotations

import json
from pathlib import Path

from safr_lens import TextData, load_data

ROWS = "".join(f"{'good' if i % 2 else 'bad'} film {i},{i % 2}\n" for i in range(40))


def again(data: TextData) -> TextData:
    return load_data(**json.loads(json.dumps(data.origin)))


def test_a_file_is_found_again_from_another_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.csv").write_text("review,stars\n" + ROWS)
    monkeypatch.chdir(tmp_path / "here")
    data = load_data("a.csv", text_column="review", label_column="stars", split_seed=3)
    assert (data.source, data.origin["source"]) == ("a.csv", str(tmp_path / "here" / "a.csv"))
    monkeypatch.chdir("/")
    assert {name: list(split) for name, split in again(data).items()} == {n: list(s) for n, s in data.items()}


def test_each_file_of_a_mapping_is_found_again(tmp_path, monkeypatch):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text,label\n" + ROWS.replace("film", f"film {name}"))
    monkeypatch.chdir(tmp_path)
    data = load_data({"train": "a.csv", "test": Path("b.csv")})
    monkeypatch.chdir("/")
    assert again(data)["test"]["text"] == data["test"]["text"]


def test_packaged_reviews_keep_their_name_beside_a_folder_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "rotten_tomatoes").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_data("rotten_tomatoes").origin == {"source": "rotten_tomatoes"}


def test_what_was_put_together_by_hand_has_no_origin():
    assert TextData(source="by hand", labels=("a", "b"), splits={}).origin is None
