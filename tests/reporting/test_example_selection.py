"""The texts of a report are chosen by rules, not by hand."""

from __future__ import annotations

import pytest

from safr_lens import analyze
from safr_lens.reporting.example_selection import LONGEST, SHORTEST, select_examples

SENTENCE = "a gripping funny film the worst dull it does n't work and never ends acting is warm story boring tedious"
WORDS = SENTENCE.split()


@pytest.fixture(scope="module")
def texts():
    made = [" ".join(WORDS[(i * step) % len(WORDS)] for i in range(4 + step)) for step in range(1, 41)]
    return [{"text": text, "label": number % 2} for number, text in enumerate(made)]


@pytest.fixture(scope="module")
def analyses(make_model, texts):
    models = [make_model(seed=seed) for seed in (0, 1)]
    return models[1], [analyze(model, texts, at_init=False, faithfulness_texts=0) for model in models]


def test_each_text_is_what_its_rule_says(analyses, texts):
    model, measured = analyses
    columns = measured[1].statistics.texts.columns
    place = {row["text"]: number for number, row in enumerate(texts)}
    chosen = select_examples(model, texts, measured)
    assert len({one.text for one in chosen}) == len(chosen) >= 4
    for one in chosen:
        number = place[one.text]
        assert SHORTEST <= len(one.text.split()) <= LONGEST
        assert model.labels[texts[number]["label"]] == one.label
        right = columns["correct"][number] == 1
        if "right answer" in one.rule or "answered right" in one.rule or "answers right" in one.rule:
            assert right
        if "wrong answer" in one.rule or "answered wrong" in one.rule or "answers wrong" in one.rule:
            assert not right
        if "negation" in one.rule:
            assert {"n't", "never"} & set(one.text.split())
        if "baseline" in one.rule:
            assert (measured[0].statistics.texts.columns["correct"][number] == 1) != right


def test_the_most_confident_right_answer_has_the_lowest_loss_of_its_class(analyses, texts):
    model, measured = analyses
    columns = measured[1].statistics.texts.columns
    first = select_examples(model, texts, measured)[0]
    label = model.labels.index(first.label)
    losses = {
        row["text"]: columns["loss"][n].item()
        for n, row in enumerate(texts)
        if row["label"] == label and columns["correct"][n] == 1 and SHORTEST <= len(row["text"].split()) <= LONGEST
    }
    assert first.text == min(losses, key=losses.get)


def test_texts_without_labels_are_the_first_ones(make_model):
    plain = [{"text": "a gripping , funny film"}, {"text": "boring"}] * 8
    model = make_model()
    found = analyze(model, plain, at_init=False, faithfulness_texts=0)
    assert [one.text for one in select_examples(model, plain, [found])] == [row["text"] for row in plain[:4]]
