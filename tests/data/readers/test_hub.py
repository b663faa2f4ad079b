"""Hub data sets through a fake ``datasets.load_dataset``: no test here reaches a network."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, IterableDataset, IterableDatasetDict, Value

from safr_lens import load_data
from safr_lens.errors import DataError

NAMED = Features({"sentence": Value("string"), "label": ClassLabel(names=["neg", "pos"])})


def split(n: int, *, prefix: str, label: int | None = None) -> Dataset:
    rows = [{"sentence": f"{prefix} {i}", "label": i % 2 if label is None else label} for i in range(n)]
    return Dataset.from_list(rows, features=NAMED)


def sst2() -> DatasetDict:
    """A data set whose test labels are hidden, as -1."""
    return DatasetDict(
        train=split(60, prefix="train"),
        validation=split(8, prefix="dev"),
        test=split(9, prefix="test", label=-1),
    )


def streamed(found: DatasetDict) -> IterableDatasetDict:
    return IterableDatasetDict({name: part.to_iterable_dataset() for name, part in found.items()})


class FakeHub:
    """Stands in for ``load_dataset``; keeps what it was asked."""

    def __init__(self, found: object) -> None:
        self.found, self.asked = found, []

    def __call__(self, *args, **kwargs) -> object:
        self.asked.append((args, kwargs))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def hub(monkeypatch):
    def serve(found: object) -> FakeHub:
        fake = FakeHub(found)
        monkeypatch.setattr(datasets, "load_dataset", fake)
        return fake

    return serve


def texts(data, name: str) -> list[str]:
    return [row["text"] for row in data[name]]


def test_hidden_test_labels_are_dropped_and_a_test_split_is_cut_from_train(hub):
    hub(sst2())
    data = load_data("stanfordnlp/sst2")
    assert data.labels == ("neg", "pos")
    assert texts(data, "validation") == [f"dev {i}" for i in range(8)]
    assert len(data["test"]) == 12
    assert sorted(texts(data, "test") + texts(data, "train")) == sorted(f"train {i}" for i in range(60))
    assert all(row["label"] == int(row["text"].split()[1]) % 2 for row in data["test"])


def test_given_splits_of_the_hub_are_kept(hub):
    found = {name: split(n, prefix=name) for name, n in (("train", 20), ("test", 6), ("unsupervised", 3))}
    hub(DatasetDict(found))
    data = load_data("org/name")
    assert list(data) == ["train", "validation", "test"]
    assert texts(data, "test") == [f"test {i}" for i in range(6)]
    assert not any(text.startswith("unsupervised") for name in data for text in texts(data, name))


@pytest.mark.parametrize(
    ("source", "asked"), [("org/name", ("org/name", None)), ("org/name:config", ("org/name", "config"))]
)
@pytest.mark.parametrize("streaming", [False, True])
def test_id_and_config_reach_the_hub(hub, source, asked, streaming):
    fake = hub(streamed(sst2()) if streaming else sst2())
    data = load_data(source, streaming=streaming)
    assert fake.asked == [(asked, {"streaming": streaming})]
    assert data.source == source


def test_streamed_hub_data_set_has_the_same_splits_and_labels(hub):
    hub(streamed(sst2()))
    data = load_data("org/name", streaming=True)
    assert data.streaming
    assert data.labels == ("neg", "pos")
    assert texts(data, "validation") == [f"dev {i}" for i in range(8)]
    assert sorted(texts(data, "test") + texts(data, "train")) == sorted(f"train {i}" for i in range(60))
    assert 0 < len(texts(data, "test")) < 30


# datasets leaves the file of a stream that was not read to its end to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_streamed_hub_data_set_needs_no_declared_features(hub):
    def rows():
        yield from ({"text": f"text {i}", "label": i % 2} for i in range(60))

    found = IterableDatasetDict(train=IterableDataset.from_generator(rows))
    assert found["train"].features is None  # as with csv files on the Hub
    hub(found)
    data = load_data("org/name", streaming=True)
    read = [text for name in data for text in texts(data, name)]
    assert sorted(read) == sorted(f"text {i}" for i in range(60))


def test_hub_data_set_without_any_label_is_an_error(hub):
    hub(DatasetDict(train=split(4, prefix="train", label=-1)))
    with pytest.raises(DataError, match=r"'org/name': no split has labels"):
        load_data("org/name")


def test_hub_data_set_without_usual_splits_names_those_it_has(hub):
    hub(DatasetDict(unsupervised=split(4, prefix="x")))
    with pytest.raises(DataError, match=r"no train, validation or test split; it has unsupervised"):
        load_data("org/name")


def test_hub_data_set_without_label_column_names_its_columns(hub):
    hub(DatasetDict(train=Dataset.from_list([{"text": "a", "score": 1}])))
    with pytest.raises(DataError, match=r"org/name, split train: no label column.*'text', 'score'"):
        load_data("org/name")


def test_labels_as_lists_are_an_error_that_names_the_column(hub):
    hub(DatasetDict(train=Dataset.from_list([{"text": f"t {i}", "labels": [i % 2, 3]} for i in range(8)])))
    with pytest.raises(DataError, match="label"):
        load_data("org/name")


@pytest.mark.parametrize(
    "failure", [FileNotFoundError("Dataset 'org/name' is gated\nmore"), ConnectionError("no route")]
)
def test_failing_load_gives_the_reason(hub, failure):
    hub(failure)
    with pytest.raises(DataError) as error:
        load_data("org/name")
    assert "'org/name' is no local file or folder" in str(error.value)
    assert str(failure).splitlines()[0] in str(error.value)
    assert error.value.__cause__ is failure


def test_failing_load_without_a_message_names_the_kind_of_failure(hub):
    hub(TimeoutError())
    with pytest.raises(DataError, match="TimeoutError"):
        load_data("org/name")


NO_IDS = ["rotten_tomatos", "reviews.csv", "./org/name", "data/reviews.csv", "a/b/c", "/a/b"]


@pytest.mark.parametrize("source", NO_IDS)
def test_name_that_is_no_hub_id_never_asks_the_hub(hub, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    fake = hub(sst2())
    with pytest.raises(DataError):
        load_data(source)
    assert not fake.asked


def test_local_folder_goes_before_a_hub_id(hub, tmp_path, monkeypatch):
    folder = Path("org/name")
    monkeypatch.chdir(tmp_path)
    folder.mkdir(parents=True)
    (folder / "test.csv").write_text("text,label\na,1\nb,0\n")
    fake = hub(sst2())
    assert texts(load_data("org/name"), "test") == ["a", "b"]
    assert not fake.asked
