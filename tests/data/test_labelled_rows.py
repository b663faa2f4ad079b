"""Labels of rows given straight to a model: numbers of its classes, names, or indices into names of their own."""

from __future__ import annotations

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from safr_lens import analyze, evaluate, load_data
from safr_lens.activations.corpus_statistics import corpus_statistics
from safr_lens.data.labelled_rows import ModelLabels
from safr_lens.errors import DataError
from safr_lens.neurons import ablation_effects

TEXTS = ("a gripping , funny film", "a dull film", "boring", "the acting is warm and the story is moving")
NUMBERS = (1, 0, 0, 1)


def read(classes, values, names=None) -> list[int]:
    labels = ModelLabels(classes, names)
    return [labels.read(value, row=number) for number, value in enumerate(values)]


def test_numbers_names_and_missing_labels():
    assert read(["neg", "pos"], [0, 1.0, "neg", " pos ", None, float("nan"), "", -1]) == [0, 1, 0, 1, -1, -1, -1, -1]
    assert read(["False", "True"], [True, False, "True"]) == [1, 0, 1]
    assert read(["None", "x"], ["None", None, float("nan"), "x"]) == [0, -1, -1, 1]


@pytest.mark.parametrize("value", ["rascism", True, "1", 0.5, "nan"])
def test_a_label_that_names_no_class(value):
    with pytest.raises(DataError, match="is none of the 2 classes of the model: None, racism"):
        read(["None", "racism"], [value])


def test_a_number_that_may_be_number_or_name_is_refused_and_the_advice_works():
    with pytest.raises(DataError, match=r"label 1 may be .* classes are 1, 2, 3.*\{'label': '1'\}"):
        read(["1", "2", "3"], [1])
    assert read(["1", "2", "3"], ["1", "3"]) == [0, 2]
    assert read(["0", "1"], [1, 0]) == [1, 0]


def test_indices_into_names_of_the_data_are_read_as_these_names():
    assert read(["neg", "pos"], [0, 1, -1], names=["pos", "neg"]) == [1, 0, -1]
    assert read(["1", "2", "3"], [0, 2], names=["1", "2", "3"]) == [0, 2]
    assert read(["0", "1"], [0, 1], names=["neg", "pos"]) == [0, 1]
    with pytest.raises(DataError, match="'bad' is none of the 2 classes of the model: neg, pos"):
        read(["neg", "pos"], [0], names=["bad", "good"])


@pytest.fixture
def split():
    def make(names: list[str]) -> Dataset:
        features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
        rows = [{"text": text, "label": label} for text, label in zip(TEXTS, NUMBERS, strict=True)]
        return Dataset.from_list(rows, features=features)

    return make


def test_a_split_with_its_classes_in_another_order_is_scored_by_name(make_model, split):
    model = make_model()
    right = evaluate(model, split(["negative", "positive"]))
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, NUMBERS, strict=True)]
    assert evaluate(model, rows) == right
    turned = evaluate(model, split(["positive", "negative"]))
    assert turned == evaluate(model, [{**row, "label": 1 - row["label"]} for row in rows])
    assert turned.accuracy == pytest.approx(1 - right.accuracy)


@pytest.mark.parametrize(
    "use",
    [
        evaluate,
        corpus_statistics,
        lambda model, data: ablation_effects(model, data, [0]),
        lambda model, data: analyze(model, data, at_init=False, faithfulness_texts=0),
    ],
    ids=["evaluate", "corpus_statistics", "ablation_effects", "analyze"],
)
def test_a_split_of_other_classes_is_refused(make_model, split, use):
    with pytest.raises(DataError, match="none of the 2 classes of the model: negative, positive"):
        use(make_model(), split(["bad", "good"]))


def test_loaded_splits_carry_their_class_names(make_model, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "text,label\n"
        + "".join(f"{text!r},{('neg', 'pos')[n]}\n".replace(" ,", "") for text, n in zip(TEXTS, NUMBERS, strict=True))
    )
    for streaming in (False, True):
        found = load_data(path, cut_missing=False, streaming=streaming)["test"]
        assert found.features["label"].names == ["neg", "pos"]
        with pytest.raises(DataError, match="negative, positive"):
            evaluate(make_model(), found)
        assert evaluate(make_model(labels=("pos", "neg")), found).n == 4


def test_the_advice_for_hidden_labels_in_rows_works(make_model):
    rows = [{"text": "a dull film", "label": -1}, {"text": "a dull film", "label": 0}]
    advice = r'knows 2 classes.*-1 stands for none.*\[row for row in rows if row\["label"\] != -1\]'
    with pytest.raises(DataError, match=advice):
        evaluate(make_model(), rows)
    assert evaluate(make_model(), [row for row in rows if row["label"] != -1]).n == 1
