"""Every public function that takes data or texts, against every kind of data in memory: right, or one clear error."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, IterableDatasetDict, Value

import safr_lens
from safr_lens import HookedClassifier, SafrLensError, TextData, TrainConfig, views
from safr_lens.data.labelled_rows import labelled_rows
from safr_lens.errors import DataError, TextError
from safr_lens.experiments.sweep import sweep
from safr_lens.measures import faithfulness, reliance
from safr_lens.measures.statistics import collect_statistics
from safr_lens.neurons import ablate, ablation_effects, mean_neurons, reference_neurons
from safr_lens.runs.settings import make_settings
from safr_lens.runs.train_run import train_run
from safr_lens.word_vectors import word_vectors

LABELS = ("negative", "positive")
TEXTS = [f"{'good' if i % 2 else 'dull'} film {word} {i // 8}" for i, word in enumerate("abcdefgh" * 3)]
NUMBERS = [i % 2 for i in range(len(TEXTS))]
NAMES = [LABELS[number] for number in NUMBERS]
ROWS = [{"text": text, "label": number} for text, number in zip(TEXTS, NUMBERS, strict=True)]
FRAME = pd.DataFrame(ROWS)
NAMED = pd.DataFrame({"Review": TEXTS, "Sentiment": NAMES, "stars": 3})
CLASSES = Features({"text": Value("string"), "label": ClassLabel(names=list(LABELS))})
TURNED = Features({"text": Value("string"), "label": ClassLabel(names=list(LABELS[::-1]))})


def data_set(features=CLASSES):
    numbers = NUMBERS if features is CLASSES else [1 - number for number in NUMBERS]
    return Dataset.from_dict({"text": TEXTS, "label": numbers}, features=features)


# kinds of rows; all hold the same texts and classes
KINDS = {
    "list of dictionaries": lambda: list(ROWS),
    "list of dictionaries with names": lambda: [{"sentence": t, "class": n} for t, n in zip(TEXTS, NAMES, strict=True)],
    "tuple of dictionaries": lambda: tuple(ROWS),
    "DataFrame": lambda: FRAME,
    "DataFrame with names": lambda: NAMED,
    "DataFrame of categories": lambda: NAMED.astype({"Sentiment": "category"}),
    "DataFrame of floats": lambda: FRAME.astype({"label": float}),
    "DataFrame with another index": lambda: FRAME.set_index(np.arange(100, 100 + len(FRAME))),
    "dictionary of columns": lambda: {"text": TEXTS, "label": NUMBERS},
    "dictionary of arrays": lambda: {"text": np.array(TEXTS), "label": np.array(NUMBERS)},
    "dictionary of text and tensor": lambda: {"text": TEXTS, "label": torch.tensor(NUMBERS)},
    "Dataset": data_set,
    "Dataset with classes in another order": lambda: data_set(TURNED),
    "Dataset in torch format": lambda: data_set().with_format("torch"),
    "batch of a Dataset": lambda: data_set()[:],
    "IterableDataset": lambda: data_set().to_iterable_dataset(),
    "DatasetDict": lambda: DatasetDict(test=data_set()),
    "IterableDatasetDict": lambda: IterableDatasetDict(test=data_set().to_iterable_dataset()),
    "dictionary of DataFrames": lambda: {"test": FRAME},
    "TextData": lambda: TextData(source="x", labels=LABELS, splits={"test": data_set()}),
}
SPLITS = ("DatasetDict", "IterableDatasetDict", "dictionary of DataFrames", "TextData")
CUT = {"train": range(16), "validation": range(16, 18), "test": range(18, 24)}
# kinds of texts alone
TEXT_KINDS = {
    "list": lambda: list(TEXTS),
    "tuple": lambda: tuple(TEXTS),
    "array": lambda: np.array(TEXTS),
    "Series": lambda: FRAME["text"],
    "DataFrame without labels": lambda: FRAME[["text"]],
    "column of a Dataset": lambda: data_set()["text"],
}


def tiny() -> HookedClassifier:
    tokenizer = safr_lens.train_tokenizer(TEXTS, min_frequency=1)
    config = safr_lens.ModelConfig(d_model=8, n_heads=1, d_mlp=8, d_vmask=4, embed_std=1.0)
    return HookedClassifier.from_config(config, tokenizer=tokenizer, labels=LABELS)


@pytest.fixture(scope="module")
def model() -> HookedClassifier:
    return tiny()


def trained(data):
    penalty = safr_lens.SafrPenalty(pairs="attention")
    return safr_lens.train(tiny(), data, TrainConfig(epochs=1), penalty=penalty, progress=False).model(TEXTS).logits


def stored(model, data):
    with tempfile.TemporaryDirectory() as folder:
        store = safr_lens.save_activations(model, data, "hook_pooled", folder)
        return [(batch.activations["hook_pooled"], batch.labels) for batch in store]


def ablated(model, data):
    with ablate(model, range(5), mode="mean", data=data):
        return model("a dull film").logits


def measured(model, data):
    statistics = collect_statistics(model, data)
    return statistics.corpus, statistics.activity


def analyzed(model, data):
    analysis = safr_lens.analyze(model, data, faithfulness_texts=2, naopc_texts=0, at_init=False)
    return analysis.neurons.to_csv(), analysis.to_dict()["figures"]


# functions of a model and data
MEASURING = {
    "stream_activations": lambda model, data: [
        (batch.activations["hook_pooled"], batch.labels)
        for batch in safr_lens.stream_activations(model, data, "hook_pooled")
    ],
    "save_activations": stored,
    "evaluate": lambda model, data: safr_lens.evaluate(model, data),
    "analyze": analyzed,
    "collect_statistics": measured,
    "neuron_table": lambda model, data: safr_lens.neuron_table(model, data).to_csv(),
    "top_activations": lambda model, data: safr_lens.top_activations(model, data, [3, 5], k=4).to_csv(),
    "sparse_probe": lambda model, data: safr_lens.sparse_probe(model, data, {"good"}, n_shuffles=1),
    "ablation_effects": lambda model, data: ablation_effects(model, data, [3, 5]).to_csv(),
    "mean_neurons": lambda model, data: mean_neurons(model, data),
    "reference_neurons": lambda model, data: reference_neurons(model, data, n=5),
    "reliance": lambda model, data: reliance(model, data),
    "faithfulness": lambda model, data: faithfulness(model, data, max_texts=3, naopc_texts=0).to_dict(),
    "ablate": ablated,
    "views.neuron": lambda model, data: views.neuron(model, data, 3).content["examples"],
}
# functions of texts
OF_TEXTS = {
    "train_tokenizer": lambda data: safr_lens.train_tokenizer(data, min_frequency=1).tokenizer.to_str(),
    "word_vectors": lambda data: word_vectors(data, min_count=2).vectors,
}


def plain(value):
    """Nested values without tensors, so that they can be compared."""
    if isinstance(value, torch.Tensor):
        return [plain(one) for one in value] if value.ndim else str(round(value.item(), 5))
    if dataclasses.is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else str(value)


@pytest.fixture(scope="module")
def expected(model):
    return {name: plain(use(model, list(ROWS))) for name, use in MEASURING.items()}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("name", list(MEASURING))
def test_what_measures_a_model_takes_every_kind_of_rows(model, expected, name, kind):
    assert plain(MEASURING[name](model, KINDS[kind]())) == expected[name]


UNLABELLED = {"stream_activations", "save_activations", "top_activations", "mean_neurons", "faithfulness", "ablate"}


@pytest.mark.parametrize("kind", list(TEXT_KINDS))
@pytest.mark.parametrize("name", sorted(UNLABELLED))
def test_texts_alone_are_taken_where_labels_are_not_needed(model, name, kind):
    assert plain(MEASURING[name](model, TEXT_KINDS[kind]())) == plain(MEASURING[name](model, list(TEXTS)))


@pytest.mark.parametrize("kind", [*KINDS, *TEXT_KINDS])
@pytest.mark.parametrize("name", list(OF_TEXTS))
def test_what_learns_from_texts_takes_every_kind(name, kind):
    expected = plain(OF_TEXTS[name](list(TEXTS)))
    assert plain(OF_TEXTS[name]((KINDS | TEXT_KINDS)[kind]())) == expected


@pytest.mark.parametrize("kind", [kind for kind in [*KINDS, *TEXT_KINDS] if kind not in SPLITS])
def test_a_model_takes_every_kind_of_texts(model, kind):
    data = (KINDS | TEXT_KINDS)[kind]()
    assert torch.equal(model(data).logits, model(list(TEXTS)).logits)


@pytest.mark.parametrize("kind", list(KINDS))
def test_load_data_takes_every_kind(kind):
    data = safr_lens.load_data(KINDS[kind](), classes=LABELS, labels=LABELS, cut_missing=False)
    assert list(data) == ["test"] and data.labels == LABELS
    assert [data["test"][i] for i in range(len(ROWS))] == ROWS
    assert len(data.source) < 60


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SPLITS])
def test_train_takes_every_kind_of_rows_and_of_splits(kind):
    rows = safr_lens.load_data(list(ROWS), labels=LABELS)
    assert {split: len(part) for split, part in rows.items()} == {"train": 18, "validation": 2, "test": 4}
    if (
        "Dataset" in kind.removeprefix("batch of a Dataset") or "names" in kind or "categories" in kind
    ):  # the others have numbers without names
        assert torch.equal(trained(KINDS[kind]()), trained(rows))
    else:
        with pytest.raises(DataError, match="State what they mean") as error:
            trained(KINDS[kind]())
        call = str(error.value).rpartition("The call: ")[2].removesuffix(".").replace("labels=...", "labels=LABELS")
        space = {"load_data": safr_lens.load_data, "model": tiny(), "data": KINDS[kind](), "LABELS": LABELS}
        assert torch.equal(trained(eval(call, space)), trained(rows))


def test_train_takes_splits():
    splits = {name: data_set().select(numbers) for name, numbers in CUT.items()}
    expected = trained(safr_lens.load_data(DatasetDict(splits)))
    assert torch.equal(trained(DatasetDict(splits)), expected)
    assert torch.equal(trained({name: NAMED.iloc[list(numbers)] for name, numbers in CUT.items()}), expected)
    renamed = DatasetDict(train=splits["train"], dev=splits["validation"], test=splits["test"], more=data_set())
    assert torch.equal(trained(renamed), expected)


def test_runs_sweeps_and_reports_take_data_in_memory(tmp_path):
    words = {
        "d_model": 8,
        "n_heads": 1,
        "d_mlp": 8,
        "d_vmask": 4,
        "min_frequency": 1,
        "pairs": "attention",
        "epochs": 1,
    }
    settings = make_settings({"data": "in memory", **words})
    run = train_run(settings, out=tmp_path / "run", data=NAMED, progress=False)
    again = train_run(settings, out=None, data=DatasetDict(train=data_set()), progress=False)
    assert run.model.labels == LABELS and torch.equal(run.model(TEXTS).logits, again.model(TEXTS).logits)
    swept = sweep(settings, out=tmp_path / "sweep", data=NAMED, strengths=[1.0], progress=False)
    assert [step.strength for step in swept.steps] == [0.0, 1.0]
    page = safr_lens.report(tmp_path / "run", data=NAMED, faithfulness_texts=0)
    assert page.content["measured"] == "the test split of a DataFrame of 24 rows"


def test_data_for_training_may_be_in_memory_and_in_files(tmp_path):
    NAMED.iloc[18:].to_csv(tmp_path / "my test.csv", index=False)
    data = safr_lens.load_data({"train": NAMED.iloc[:18], "test": tmp_path / "my test.csv"})
    assert data["test"]["text"] == TEXTS[18:] and data["test"]["label"] == NUMBERS[18:]


def test_columns_of_other_names_can_be_named():
    odd = NAMED.rename(columns={"Review": "said", "Sentiment": "mood"})
    for given in (odd, odd.to_dict("list"), odd.to_dict("records"), Dataset.from_pandas(odd)):
        data = safr_lens.load_data(given, text_column="said", label_column="mood", cut_missing=False)
        assert data["test"]["text"] == TEXTS


# ---- what is refused

REFUSED = {
    "a text": ("a dull film", "Put texts in a list"),
    "a file": ("reviews.csv", "load_data"),
    "a number": (3, "Expected texts or rows"),
    "nothing": (None, "Expected texts or rows"),
    "a row": ({"text": "a film", "label": 1}, "Put a row in a list"),
    "rows of pairs": ([("a film", 1)], "Row 0 of the data is no text"),
    "rows without a text": ([{"said": "a film"}], "Rename the column of texts to 'text'"),
    "a DataFrame without texts": (FRAME.rename(columns={"text": "said"}), "Rename the column of texts to 'text'"),
    "columns of two lengths": ({"text": ["a film"], "label": [1, 0]}, "'text': 1, 'label': 2"),
    "a column twice": (pd.concat([FRAME, FRAME], axis=1), "has the column 'text' 2 times"),
    "numbers for texts": (pd.DataFrame({"text": [1, 2]}), "Row 0 of the data is no text"),
    "splits": ({"train": FRAME, "validation": FRAME}, r"name one of them, as in data\['train'\]"),
}


@pytest.mark.parametrize("kind", list(REFUSED))
@pytest.mark.parametrize("name", list(MEASURING))
def test_anything_else_is_one_error_of_what_measures(model, name, kind):
    data, message = REFUSED[kind]
    if (name, kind) == ("ablate", "nothing"):
        return  # which is what other modes than "mean" are given
    with pytest.raises(DataError, match=message) as error:
        MEASURING[name](model, data)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind != "splits"])
def test_anything_else_is_one_error_of_what_takes_texts(model, kind):
    data, message = REFUSED[kind]
    takers = [*OF_TEXTS.values(), *([] if isinstance(data, str) else [model])]
    for take in takers:
        with pytest.raises(SafrLensError, match=f"{message}|Expected a (list of texts|text)"):
            take(data)


@pytest.mark.parametrize(
    "kind", ["a number", "nothing", "a row", "rows of pairs", "columns of two lengths", "a column twice"]
)
def test_anything_else_is_one_error_of_load_data(kind):
    with pytest.raises(DataError, match=f"{REFUSED[kind][1]}|in Python also data in memory"):
        safr_lens.load_data(REFUSED[kind][0])


def test_a_generator_is_read_once(model):
    assert safr_lens.evaluate(model, iter(ROWS)).n == len(ROWS)
    found, expected = (safr_lens.analyze(model, data).to_dict() for data in (iter(ROWS), ROWS))
    assert json.dumps(found) == json.dumps(expected)
    with pytest.raises(DataError, match="only once"):
        safr_lens.neuron_table(model, iter(ROWS))


ONE_TEXT = {
    "explain": safr_lens.explain,
    "token_table": safr_lens.token_table,
    "pair_table": lambda model, text: safr_lens.pair_table(model, text, pairs="attention"),
    "decompose": lambda model, text: model.decompose(text),
    "to_str_tokens": lambda model, text: model.to_str_tokens(text),
    "views.tokens": views.tokens,
    "views.contributions": views.contributions,
    "views.attention": views.attention,
    "views.superposition": lambda model, text: views.superposition(model, text, pairs="attention"),
    "views.allocation": lambda model, text: views.allocation(model, text, pairs="attention"),
}


@pytest.mark.parametrize("name", list(ONE_TEXT))
def test_what_takes_one_text_says_so(model, name):
    ONE_TEXT[name](model, TEXTS[0])
    for data in (FRAME, FRAME["text"], data_set(), list(TEXTS), ROWS[0], {"text": TEXTS}, 3, None):
        with pytest.raises(TextError, match=f"Expected one text; got {type(data).__name__}"):
            ONE_TEXT[name](model, data)


# ---- labels


def scored(model, labels):
    return safr_lens.evaluate(
        model, [{"text": text, "label": label} for text, label in zip(TEXTS, labels, strict=True)]
    )


@pytest.mark.parametrize(
    "labels", [NAMES, [float(n) for n in NUMBERS], [np.int64(n) for n in NUMBERS]], ids=["name", "float", "numpy"]
)
def test_labels_that_mean_a_class_are_read(model, labels):
    assert scored(model, labels) == scored(model, NUMBERS)


@pytest.mark.parametrize("label", ["neg", "0", 0.5, False, ["negative"], 2])
def test_labels_that_mean_no_class_are_one_error(model, label):
    with pytest.raises(DataError) as error:
        scored(model, [label, *NAMES[1:]])
    assert "negative, positive" in str(error.value) or "expected one class a row" in str(error.value)


@pytest.mark.parametrize("label", [None, float("nan"), -1, "", pd.NA])
def test_a_text_without_a_label_cannot_be_scored(model, label):
    with pytest.raises(DataError, match=r"label -1.*stands for none"):
        scored(model, [label, *NUMBERS[1:]])


def test_the_advice_for_other_names_of_classes_works(model):
    data = FRAME.assign(label=["pos" if number else "neg" for number in NUMBERS])
    with pytest.raises(DataError) as error:
        safr_lens.evaluate(model, data)
    call = str(error.value).rpartition("The call: ")[2].removesuffix(".")
    assert "labels={'neg': 'negative'}" in str(error.value)
    call = call.replace("labels=...", "labels={'neg': 'negative', 'pos': 'positive'}")
    loaded = eval(call, {"load_data": safr_lens.load_data, "model": model, "data": data})
    assert safr_lens.evaluate(model, loaded) == scored(model, NUMBERS)


def test_numbers_are_refused_where_the_classes_have_other_numbers_for_names(model):
    numbered = tiny()
    numbered.labels = ("1", "2")
    with pytest.raises(DataError, match=r"Give names as text, as in {'label': '1'}"):
        scored(numbered, [number + 1 for number in NUMBERS])
    assert scored(numbered, [str(number + 1) for number in NUMBERS]) == scored(model, NUMBERS)


def test_data_with_other_classes_is_an_error(model):
    other = Dataset.from_dict(
        {"text": TEXTS, "label": NUMBERS},
        features=Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])}),
    )
    with pytest.raises(DataError, match="'neg' is none of the 2 classes of the model: negative, positive"):
        safr_lens.evaluate(model, other)


# ---- the table of docs/data.md

DOCUMENT = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
TABLE = DOCUMENT.partition("## Data in memory")[2].partition("\n## ")[0]
EXAMPLES = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| ") and "`" in line]
SPACE = {"pd": pd, "Dataset": Dataset, "Features": Features, "Value": Value, "ClassLabel": ClassLabel}


@pytest.mark.parametrize(("example", "outcome"), [row[1:] for row in EXAMPLES], ids=[row[0] for row in EXAMPLES])
def test_the_table_of_the_document_holds(example, outcome):
    data = eval(example.strip("`"), SPACE)
    if outcome.startswith("refused: "):
        with pytest.raises(DataError, match=re.escape(outcome.split("`")[1])):
            list(labelled_rows(data, LABELS))
        return
    said = [
        (row["text"], "no label" if row["label"] < 0 else LABELS[row["label"]]) for row in labelled_rows(data, LABELS)
    ]
    expected = [
        (row.split("`")[1].strip('"'), "no label" if "no label" in row else row.split("`")[-2].strip('"'))
        for row in outcome.partition(":")[0].split("; ")
    ]
    assert said == expected


def test_the_table_of_the_document_is_whole():
    assert len(EXAMPLES) == 17
