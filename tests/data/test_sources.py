"""The registry of readers: a new kind of data takes one file, and all commands and their help know it."""

from __future__ import annotations

import ast
import gzip
import re
from pathlib import Path

import pandas
import pytest
import typer
from datasets import Dataset

from safr_lens import load_data
from safr_lens.data.sources import SOURCES, Part, Source, quoted, register_source, sources_help
from safr_lens.errors import DataError


@pytest.fixture
def haiku():
    def parts(data, options):
        return {"train": Part("haiku", lambda log: ({"text": f"frog {i}", "label": i % 2} for i in range(40)))}

    yield register_source(Source("haiku", lambda: "haiku", lambda data: data == "haiku", parts, names=("haiku",)))
    del SOURCES["haiku"]


def test_a_registered_source_is_loaded_and_named(haiku):
    assert sum(map(len, load_data("haiku").values())) == 40
    assert ", haiku, " in sources_help()
    with pytest.raises(DataError, match=r"Unknown data set 'haiko'. Did you mean 'haiku'"):
        load_data("haiko")


def test_a_mapping_takes_any_source_without_splits(haiku, tmp_path):
    (tmp_path / "t.csv").write_text("text,label\na,0\nb,1\n")
    data = load_data({"train": "haiku", "test": tmp_path / "t.csv"})
    assert [row["text"] for row in data["test"]] == ["a", "b"]


def test_a_mapping_refuses_a_source_with_splits(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\na,0\nb,1\n")
    (tmp_path / "test.csv").write_text("text,label\nc,0\nd,1\n")
    with pytest.raises(DataError, match="has the splits train, test; expected one alone for 'test'"):
        load_data({"train": tmp_path / "train.csv", "test": tmp_path})


def test_data_of_no_kind_says_what_can_be_loaded():
    with pytest.raises(DataError, match=r"type int cannot be loaded. Expected rotten_tomatoes, imdb, "):
        load_data(3)


def test_paths_in_advice_can_be_pasted():
    assert quoted("my 'own' file.csv") == """'my '"'"'own'"'"' file.csv'"""


@pytest.mark.parametrize("name", ["train", "evaluate", "analyze", "compare", "report", "sweep", "demo"])
def test_help_of_every_command_names_every_source(name):
    from safr_lens.cli import app

    [option] = [one for one in typer.main.get_command(app).commands[name].params if one.name == "data"]
    assert sources_help() in option.help


DOCUMENT = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
TABLE = (
    DOCUMENT.split("| source | name | what is in it | read as |\n|---|---|---|---|\n")[1].split("\n\n")[0].splitlines()
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.split("|")[1].strip())
def test_each_row_of_the_documents_table_holds(tmp_path, monkeypatch, row):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shards").mkdir()
    _, name, content, outcome = (cell.strip() for cell in row.strip("|").split(" | "))
    name = name.strip("`")
    made = eval(content.strip("`"), {"pandas": pandas, "gzip": gzip, "Dataset": Dataset, "Path": Path})
    if isinstance(made, str | bytes) and not Path(name).exists():
        Path(name).write_bytes(made.encode() if isinstance(made, str) else made)
    quotes = re.findall(r"`([^`]*)`", outcome)
    if outcome.startswith("refused"):
        with pytest.raises(DataError) as error:
            load_data(name, cut_missing=False)
        assert quotes[0] in str(error.value)
        if len(quotes) > 1:
            options = eval(f"dict({quotes[1]})")
            assert load_data(name, cut_missing=False, **options)["test"]
        return
    data = load_data(name, cut_missing=False)
    assert [(row["text"], data.labels[row["label"]]) for row in data["test"]] == list(
        ast.literal_eval(f"[{quotes[0]}]")
    )
    assert all(said in data.summary for said in quotes[1:])
