"""Which class each label means: by its name or by what the user states, never by its place in a list of names."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from safr_lens import TextData, load_data
from safr_lens.cli.labels import stated
from safr_lens.data.label_mapping import stated_labels
from safr_lens.data.labels import HIDDEN_CLASS
from safr_lens.errors import DataError


def write(path: Path, rows: list[tuple[str, object]]) -> Path:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


TRAIN = [("good film", "great"), ("fine film", "great"), ("bad film", "terrible"), ("awful film", "terrible")]
TEST = [("bad thing", 0), ("good thing", 1)]


@pytest.fixture
def files(tmp_path):
    return {"train": write(tmp_path / "tr.csv", TRAIN), "test": write(tmp_path / "te.csv", TEST)}


def read(data, split: str = "test") -> dict[str, str]:
    """The class of each text."""
    return {row["text"]: data.labels[row["label"]] for row in data[split]}


MEANT = {"bad thing": "terrible", "good thing": "great"}


@pytest.mark.parametrize("streaming", [False, True])
def test_numbers_of_one_split_are_no_places_among_the_names_of_another(files, streaming):
    with pytest.raises(DataError) as error:
        load_data(files, streaming=streaming, cut_missing=False)
    message = str(error.value)
    assert "te.csv, row 1: label '0' is none of the 2 classes" in message
    assert "great, terrible" in message
    assert "0, 1" in message


@pytest.mark.parametrize("streaming", [False, True])
def test_the_advice_of_the_error_works_when_followed(files, streaming):
    with pytest.raises(DataError) as error:
        load_data(files, streaming=streaming, cut_missing=False)
    options, python = re.search(
        r"--labels (.*) \(in Python: load_data\(\.\.\., labels=(\{.*\})\)\)", str(error.value)
    ).groups()
    assert str(error.value).endswith("with one of great, terrible for each CLASS.")
    for labels in (stated(shlex.split(options)), ast.literal_eval(python)):
        assert labels == {"0": "CLASS", "1": "CLASS"}  # a guess could be wrong
        labels |= {"0": "terrible", "1": "great"}
        assert read(load_data(files, labels=labels, streaming=streaming, cut_missing=False)) == MEANT


@pytest.mark.parametrize(
    "labels", [{0: "terrible", 1: "great"}, {"1": "great", "0": "terrible"}, ["terrible", "great"]]
)
@pytest.mark.parametrize("streaming", [False, True])
def test_what_the_user_states_is_what_labels_mean(files, labels, streaming):
    data = load_data(files, labels=labels, streaming=streaming, cut_missing=False)
    assert data.labels == ("terrible", "great")
    assert read(data) == MEANT
    assert read(data, "train") == dict(TRAIN)
    assert data.label_mapping["test"] == {"0": "terrible", "1": "great"}
    assert data.label_mapping["train"] == {"great": "great", "terrible": "terrible"}


AG_NEWS = ("Business", "Sci/Tech", "Sports", "World")


def test_numbers_from_one_are_not_shifted_into_the_classes_of_a_model(tmp_path):
    path = write(tmp_path / "ag.csv", [(f"text {i}", 1 + i % 4) for i in range(8)])
    with pytest.raises(DataError, match=r"label '1' is none of the 4 classes of the model: Business.*1, 2, 3, 4"):
        load_data(path, classes=AG_NEWS, cut_missing=False)
    labels = {1: "World", 2: "Sports", 3: "Business", 4: "Sci/Tech"}
    data = load_data(path, classes=AG_NEWS, labels=labels, cut_missing=False)
    assert data.labels == AG_NEWS
    assert read(data) == {f"text {i}": labels[1 + i % 4] for i in range(8)}


@pytest.mark.parametrize("numbers", [(1, 2, 3), (0, 1, 2), (0, 1)])
def test_not_even_numbers_within_range_are_places(tmp_path, numbers):
    path = write(tmp_path / "ag.csv", [(f"text {i}", numbers[i % len(numbers)]) for i in range(9)])
    with pytest.raises(DataError, match="none of the 4 classes"):
        load_data(path, classes=AG_NEWS, cut_missing=False)


def test_numbers_mean_the_classes_of_a_model_with_these_numbers_as_names(tmp_path):
    path = write(tmp_path / "a.csv", [("a", 1), ("b", 0)])
    assert read(load_data(path, classes=["1", "0"], cut_missing=False)) == {"a": "1", "b": "0"}
    with pytest.raises(DataError, match="label '0' is none"):
        load_data(path, classes=["1", "2"], cut_missing=False)


def named(rows: list[tuple[str, int]], names: list[str]) -> Dataset:
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    return Dataset.from_list([{"text": text, "label": label} for text, label in rows], features=features)


@pytest.fixture
def hub(monkeypatch):
    def serve(**splits: Dataset) -> None:
        monkeypatch.setattr(datasets, "load_dataset", lambda *args, **kwargs: DatasetDict(splits))

    return serve


def test_indices_of_data_with_class_names_are_read_as_these_names(hub):
    hub(test=named([("a", 0), ("b", 1)], ["pos", "neg"]))
    assert read(load_data("org/name", classes=["neg", "pos"], cut_missing=False)) == {"a": "pos", "b": "neg"}
    with pytest.raises(DataError, match=r"'pos' is none of the 2 classes of the model: negative, positive"):
        load_data("org/name", classes=["negative", "positive"], cut_missing=False)


def test_class_names_of_two_splits_in_another_order(hub):
    hub(train=named([("a", 0), ("b", 1)], ["neg", "pos"]), test=named([("c", 0), ("d", 1)], ["pos", "neg"]))
    data = load_data("org/name", cut_missing=False)
    assert read(data, "train") == {"a": "neg", "b": "pos"}
    assert read(data, "test") == {"c": "pos", "d": "neg"}


@pytest.mark.parametrize(
    "labels", [["negative", "positive"], {0: "negative", 1: "positive"}, {"neg": "negative", "pos": "positive"}]
)
def test_class_names_can_be_renamed(hub, labels):
    hub(test=named([("a", 1), ("b", 0)], ["neg", "pos"]))
    data = load_data("org/name", labels=labels, cut_missing=False)
    assert read(data) == {"a": "positive", "b": "negative"}
    assert data.label_mapping["test"] == {"neg": "negative", "pos": "positive"}


def test_indices_mean_the_classes_of_a_model_that_was_trained_on_numbers(hub):
    hub(test=named([("a", 1), ("b", 0)], ["neg", "pos"]))
    data = load_data("org/name", classes=["0", "1"], cut_missing=False)
    assert read(data) == {"a": "1", "b": "0"}
    assert data.label_mapping["test"] == {"neg": "0", "pos": "1"}


def test_several_labels_may_mean_one_class(tmp_path):
    path = write(tmp_path / "stars.csv", [("a", 1), ("b", 2), ("c", 4), ("d", 5)])
    labels = {5: "good", 4: "good", 2: "bad", 1: "bad"}
    data = load_data(path, labels=labels, cut_missing=False)
    assert data.labels == ("bad", "good")
    assert read(data) == {"a": "bad", "b": "bad", "c": "good", "d": "good"}


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("ab", "list of class names; got the text 'ab'"),
        (["a", "a"], "'a' is named twice"),
        ({"a", "b"}, "got the set ['a', 'b'], without order"),
        (["a", None], "Every class needs a name"),
        (["a", ["b"]], "list of class names"),
        ({0: "a", "0": "b"}, "each label of the data once"),
        ({0: "a", 1: ""}, "by its name"),
        ({0: "a", 1: 2}, "by its name"),
        ({0: "a"}, "at least two classes"),
        ([], "at least two classes"),
    ],
)
def test_a_faulty_statement_is_refused(tmp_path, labels, said):
    with pytest.raises(DataError, match=re.escape(said)):
        load_data(write(tmp_path / "a.csv", TEST), labels=labels)


def test_a_statement_of_classes_that_the_model_does_not_have(tmp_path):
    with pytest.raises(DataError, match=r"'negativ', but the model knows negative, positive.*mean 'negative'"):
        load_data(
            write(tmp_path / "a.csv", TEST), labels={0: "negativ", 1: "positive"}, classes=["negative", "positive"]
        )


def test_a_list_that_holds_numbers_numbers_nothing(tmp_path):
    path = write(tmp_path / "a.csv", TEST)
    assert stated_labels(["1", "0"]).meaning == {}
    assert read(load_data(path, labels=["1", "0"], cut_missing=False)) == {"bad thing": "0", "good thing": "1"}
    with pytest.raises(DataError, match="label '0' is none"):
        load_data(path, labels=["1", "2"], cut_missing=False)


def parquet(path: Path, labels: object) -> Path:
    table = pa.table({"text": [f"text {i}" for i in range(4)], "label": labels})
    pq.write_table(table, path)
    return path


def test_booleans_in_parquet_have_names(tmp_path):
    data = load_data(parquet(tmp_path / "a.parquet", [True, False, True, False]), cut_missing=False)
    assert data.labels == ("False", "True")
    assert list(read(data).values()) == ["True", "False", "True", "False"]


def test_categories_in_parquet_keep_their_names(tmp_path):
    path = tmp_path / "a.parquet"
    categories = pd.Categorical(["low", "high", "low", "high"], categories=["low", "high"])
    pd.DataFrame({"text": list("abcd"), "label": categories}).to_parquet(path)
    assert read(load_data(path, cut_missing=False)) == {"a": "low", "b": "high", "c": "low", "d": "high"}


@pytest.mark.parametrize("streaming", [False, True])
def test_class_names_in_parquet_of_datasets(tmp_path, streaming):
    path = tmp_path / "a.parquet"
    named([("a", 1), ("b", 0), ("c", 1)], ["world", "sport"]).to_parquet(path)
    data = load_data(path, cut_missing=False, streaming=streaming)
    assert data.labels == ("world", "sport")
    assert read(data) == {"a": "sport", "b": "world", "c": "sport"}


def test_classes_stated_in_another_order_than_that_of_the_indices():
    split = named([("a", 0), ("b", 1)], ["pos", "neg"])
    with pytest.raises(DataError, match=r"test are indices into pos, neg, but the data states neg, pos"):
        TextData(source="x", labels=("neg", "pos"), splits={"test": split})
    assert TextData(source="x", labels=("pos", "neg"), splits={"test": split})["test"] is split


HIDDEN = r"-1 usually marks hidden labels"


def test_hidden_labels_among_others_are_not_taken_for_a_class(tmp_path):
    files = {
        "train": write(tmp_path / "tr.csv", [("a", 0), ("b", 1)]),
        "test": write(tmp_path / "te.csv", [("c", 1), ("d", -1)]),
    }
    with pytest.raises(DataError, match=rf"te\.csv, row 2: label {HIDDEN}.*Remove these rows") as error:
        load_data(files, cut_missing=False)
    assert "Did you mean" not in str(error.value)
    write(tmp_path / "te.csv", [("c", 1)])
    assert read(load_data(files, cut_missing=False)) == {"c": "1"}


def test_a_file_whose_labels_are_all_hidden(tmp_path):
    with pytest.raises(DataError, match=f"no split has labels.*{HIDDEN}"):
        load_data(write(tmp_path / "a.csv", [("a", -1), ("b", -1)]))


def test_a_hidden_test_split_of_a_folder_is_left_out_and_said_so(tmp_path):
    write(tmp_path / "train.csv", [(f"text {i}", i % 2) for i in range(40)])
    write(tmp_path / "test.csv", [("a", -1), ("b", -1)])
    data = load_data(tmp_path)
    assert "test has no labels and was left out." in data.notes
    assert len(data["test"]) == 8
    assert all(row["text"].startswith("text") for row in data["test"])


@pytest.mark.parametrize("streaming", [False, True])
def test_a_hidden_test_split_of_data_in_memory_is_left_out_too(streaming):
    splits = DatasetDict(
        train=named([(f"text {i}", i % 2) for i in range(40)], ["neg", "pos"]), test=named([("a", -1)], ["neg", "pos"])
    )
    data = load_data(splits, streaming=streaming)
    assert "test has no labels and was left out." in data.notes
    assert all(row["text"].startswith("text") for row in data["test"])


def test_splits_in_memory_are_told_apart():
    splits = {
        "train": [{"text": "a", "label": "neg"}, {"text": "b", "label": "pos"}],
        "test": [{"text": "c", "label": 0}],
    }
    with pytest.raises(
        DataError, match=r"split test, row 1: label '0' is none of the 2 classes of the list of split train"
    ):
        load_data(splits)


def test_minus_one_may_be_a_class_that_the_user_states(tmp_path):
    path = write(tmp_path / "svm.csv", [("a", -1), ("b", 1)])
    with pytest.raises(DataError, match=f"--labels -1=CLASS 1=CLASS.*{HIDDEN}"):
        load_data(path, classes=["negative", "positive"], cut_missing=False)
    assert HIDDEN_CLASS in load_data(path, cut_missing=False).notes
    data = load_data(path, labels={-1: "negative", 1: "positive"}, cut_missing=False)
    assert HIDDEN_CLASS not in data.notes
    assert read(data) == {"a": "negative", "b": "positive"}


DOCUMENT = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
TABLE = DOCUMENT.split("| test is read as |\n|---|---|---|---|\n")[1].split("\n\n")[0].splitlines()


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def as_file(folder: Path, split: str, cell: str) -> Path:
    """A file with the labels of a cell: jsonl, or parquet where class names stand behind them."""
    values, *names = [ast.literal_eval(f"[{part}]") for part in code(cell)]
    if names:
        path = folder / f"{split}.parquet"
        named([(f"{split} {i}", value) for i, value in enumerate(values)], names[0]).to_parquet(path)
    else:
        path = folder / f"{split}.jsonl"
        lines = [json.dumps({"text": f"{split} {i}", "label": value}) for i, value in enumerate(values)]
        path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("row", TABLE, ids=range(len(TABLE)))
def test_every_row_of_the_documented_table(tmp_path, row, streaming):
    train, test, stating, read_as = row.strip("|").split("|")
    files = {"train": as_file(tmp_path, "train", train), "test": as_file(tmp_path, "test", test)}
    labels = ast.literal_eval(code(stating)[0]) if code(stating) else None

    def loaded() -> list[str]:
        return list(read(load_data(files, labels=labels, streaming=streaming, cut_missing=False)).values())

    if "refused:" in read_as:
        with pytest.raises(DataError, match=re.escape(code(read_as)[-1])):
            loaded()
    else:
        assert loaded() == ast.literal_eval(f"[{code(read_as)[0]}]")
