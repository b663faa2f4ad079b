"""Hostile texts as names of classes, runs, data and facts, in views and in the report."""

from __future__ import annotations

import dataclasses

import pytest
from datasets import Dataset

from safr_lens import HookedClassifier, ModelConfig, views
from safr_lens.data.splits import FEATURES
from safr_lens.reporting import build_report
from safr_lens.reporting.runs import ReportedRun
from safr_lens.runs.analyze_run import analyze_run
from safr_lens.runs.measured_data import MeasuredData
from safr_lens.runs.record import RunRecord
from safr_lens.visible import shortened
from tests.browser.hostile import assert_nothing_ran, seen
from tests.browser.pages import text_of, wait_until_drawn
from tests.browser.payloads import ENTITIES, HIDDEN, LETTERS, PAYLOADS, QUOTES, TAGS
from tests.training.corpus import rows, tiny_classifier

TEXT = "the dull film"
SOME = [*TAGS[:8], *QUOTES[:4], *ENTITIES[:3], *HIDDEN[:3], *LETTERS[:2]]
RUNS = ["</title><script>alert(60)</script><img src=x onerror=alert(61)>", '"><svg onload=alert(62)>\n\u202e']


def classifier(labels) -> HookedClassifier:
    config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8, n_ctx=16)
    return HookedClassifier.from_config(config, tokenizer=tiny_classifier().tokenizer, labels=labels)


@pytest.mark.parametrize("make", [views.tokens, views.allocation])
def test_every_class_name_is_shown_as_it_is(make, open_page):
    page = open_page(make(classifier(PAYLOADS), TEXT, label=PAYLOADS[0]))
    wait_until_drawn(page)
    assert_nothing_ran(page)
    heads = text_of(page, "table:last-of-type thead th")
    assert [seen(shortened(one, 24)) for one in PAYLOADS if seen(one) not in heads and len(one) <= 24] == []
    assert len([head for head in heads if "…" in head]) >= sum(len(one) > 24 for one in PAYLOADS) // 2


def test_class_names_in_charts_and_heatmaps(open_page):
    page = open_page(views.contributions(classifier(SOME), TEXT))
    wait_until_drawn(page)
    assert_nothing_ran(page)
    shown = text_of(page, "p.small")
    assert [one for one in SOME if seen(shortened(one, 60)) not in shown] == []


def test_class_names_of_a_neuron(open_page):
    data = [{"text": row["text"], "label": i % len(SOME)} for i, row in enumerate(rows(60, seed=1))]
    page = open_page(views.neuron(classifier(SOME), data, 3, k=3))
    wait_until_drawn(page)
    assert_nothing_ran(page)
    alternatives = page.eval_on_selector_all("img", "all => all.map((one) => one.alt).join(' ')")
    assert [one for one in SOME if seen(one) not in " ".join(alternatives.split())] == []


def test_names_and_facts_in_the_report(open_page):
    model = classifier(SOME)
    data = [{"text": row["text"], "label": i % len(SOME)} for i, row in enumerate(rows(100, seed=1))]
    split = Dataset.from_list(data, features=FEATURES)
    analysis = analyze_run(
        model, MeasuredData(split, vector_texts=(split,), vectors_name="these"), faithfulness_texts=0
    )
    facts = {"data": TAGS[0], **{f"fact {i}": payload for i, payload in enumerate(PAYLOADS)}}
    reported = [ReportedRun(name, model, RunRecord(name, {}, None), []) for name in RUNS]
    view = build_report(reported, split, [analysis, analysis], measured=facts)
    page = open_page(dataclasses.replace(view, title=RUNS[0]))
    wait_until_drawn(page)
    assert_nothing_ran(page)
    assert text_of(page, "h1") == [seen(RUNS[0])]
    assert page.title() == seen(RUNS[0])
    shown = text_of(page, "dd")
    assert [payload for payload in PAYLOADS if seen(payload) not in shown] == []
    heads = text_of(page, "table.figures thead th")
    assert [name for name in RUNS if seen(shortened(name, 40)) not in heads] == []
