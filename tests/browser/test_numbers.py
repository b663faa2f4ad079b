"""What is shown is true: numbers read back from the page equal the measures."""

from __future__ import annotations

import math

import pytest
import torch

from safr_lens import views
from safr_lens.measures.registry import MEASURES
from safr_lens.neurons.token_table import token_table
from tests.browser.conftest import TEXT
from tests.browser.pages import page_of, props_of, text_of, values_of, wait_until_drawn

CLOSE = {"abs": 1e-5, "rel": 1e-5}


def table_of(page, selector: str) -> torch.Tensor:
    """The ``data-value`` of each cell of a table, row by row."""
    rows = page.eval_on_selector_all(
        f"{selector} tbody tr",
        "all => all.map((row) => [...row.querySelectorAll('[data-value]')].map((one) => one.dataset.value))",
    )
    return torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)


def test_the_logits_are_the_sum_of_the_rows(model, open_page):
    page = open_page(views.contributions(model, TEXT))
    logits = model(TEXT).logits[0].double()
    sums = page.locator("table.sums")
    assert sums.count() == 2
    for number in range(2):
        sums.nth(number).evaluate("(one, n) => { one.id = `sum-${n}`; }", number)
        shown = table_of(page, f"#sum-{number}")
        torch.testing.assert_close(shown[:-1].sum(0), logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(shown[-1], logits, atol=1e-5, rtol=1e-5)


def test_rounded_text_agrees_with_the_number_behind_it(saved, open_page):
    page = open_page(saved["tokens"])
    cells = page.eval_on_selector_all("td[data-value]", "all => all.map((one) => [one.innerText, one.dataset.value])")
    assert cells
    for text, value in cells:
        digits = len(text.partition(".")[2])
        assert text == "–" or abs(float(text) - float(value)) <= 0.5 * 10**-digits + 1e-9


def test_shares_of_a_token_sum_to_one_or_none(saved, shown, open_page):
    page = open_page(saved["allocation"])
    sums = [float(v) for v in page.eval_on_selector_all("[data-shares]", "all => all.map((one) => one.dataset.shares)")]
    assert len(sums) == sum(len(one["tokens"]) for one in shown["allocation"].content["models"])
    assert all(min(abs(total - 1), abs(total)) < 1e-5 for total in sums)
    # the percentages beside each other, and the rest, are the same shares; those against the prediction are below 0
    cells = text_of(page, "[data-shares]")
    for cell in cells:
        percents = [int(word) for word, sign in zip(cell.split(), cell.split()[1:], strict=False) if sign == "%"]
        assert not percents or 96 <= sum(map(abs, percents)) <= 104


def test_the_tokens_table_is_the_token_table(saved, model, open_page):
    page = open_page(saved["tokens"])
    table = token_table(model, TEXT, top=3)
    shown = table_of(page, "table")
    columns = ["importance", "capacity", "logit_negative", "logit_positive"]
    expected = torch.tensor(table[columns].to_numpy())
    torch.testing.assert_close(shown[:, [0, 1, 3, 4]], expected, atol=1e-5, rtol=1e-5, equal_nan=True)
    assert text_of(page, "tbody tr > th") == table["token"].tolist()


def test_pointing_at_a_token_tells_its_importance(saved, model, open_page):
    page = open_page(saved["tokens"])
    wait_until_drawn(page)
    importance = model(TEXT).importance[0].tolist()
    tokens = page.locator(".colored-tokens").first.locator("> span")
    assert tokens.count() == len(importance)
    for number in (0, 1, len(importance) - 1):
        tokens.nth(number).hover()
        [told] = text_of(page, "[data-popper-placement]")
        word, value = told.split()
        assert word == TEXT.split()[number]
        assert float(value) == pytest.approx(importance[number], rel=1e-3)


def test_choosing_another_neuron_shows_its_evidence(model, open_page):
    view = views.allocation(model, TEXT)
    page = open_page(view)
    wait_until_drawn(page)
    [props] = [props for name, props in props_of(page) if name == "TextNeuronActivations"]
    parts = model.decompose(TEXT)
    predicted = int(parts.logits.argmax())
    evidence = parts.neurons[..., predicted] - parts.neurons[..., 1 - predicted]
    second = int(props["secondDimensionLabels"][1].partition(":")[0])
    page.locator(".choice select").nth(1).select_option(index=1)
    token = int(evidence[:, second].abs().argmax())
    page.locator(".choice .colored-tokens > span").nth(token).hover()
    [told] = text_of(page, "[data-popper-placement]")
    assert float(told.split()[-1]) == pytest.approx(evidence[token, second].item(), rel=1e-3, abs=1e-6)


def test_rows_of_each_head_sum_to_one(saved, model, open_page):
    page = open_page(saved["attention"])
    [(name, props)] = props_of(page)
    pattern = torch.tensor(props["attention"])
    assert name == "AttentionHeads" and pattern.shape[0] == model.config.n_heads
    torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:2]), atol=1e-3, rtol=0)


def test_capacity_beside_its_own_words(saved, model, open_page):
    page = open_page(saved["superposition"])
    [(_, props)] = props_of(page)
    capacity = token_table(model, TEXT)["capacity"].fillna(0.0).tolist()
    assert props["values"] == pytest.approx(capacity, rel=1e-3)
    assert (props["minValue"], props["maxValue"]) == (-1, 1)


def test_the_dashboard_shows_the_row_of_the_neuron_table(saved, shown, open_page):
    page = open_page(saved["neuron"])
    row = shown["neuron"].content["row"]
    scores = ["token_selectivity", "class_selectivity", "monosemanticity", "name_fidelity"]
    expected = [row[name] for name in ("firing_rate", *(f"{score}_above" for score in scores), "ablation_loss")]
    assert values_of(page, ".tiles [data-value]") == pytest.approx(expected, nan_ok=True)


def test_the_report_shows_the_figures_of_the_analyses(saved, analyses, open_page):
    page = open_page(saved["report"])
    keys = page.eval_on_selector_all("[data-figure]", "all => all.map((one) => one.dataset.figure)")
    assert {"accuracy", "reliance_zero", "capacity", "token_selectivity", "monosemanticity"} <= set(keys)
    for key in keys:
        shown = values_of(page, f"[data-figure={key}] [data-value]")
        expected = [MEASURES[key].scale * one.measurements[key].judged.value for one in analyses]
        assert shown == pytest.approx(expected, nan_ok=True, **CLOSE), key


def test_two_models_side_by_side_are_not_mixed_up(trained, open_page, tmp_path):
    both = views.allocation(trained[1].model, TEXT, trained[0].model, names=("first", "second"))
    page = open_page(page_of([both], tmp_path / "both.html"))
    wait_until_drawn(page)
    for number, run in enumerate(trained):
        column = f".column:nth-of-type({number + 1})"
        [total] = table_of(page, f"{column} table.sums")[-1:]
        torch.testing.assert_close(total, run.model(TEXT).logits[0].double(), atol=1e-5, rtol=1e-5)
        probability = max(run.model(TEXT).probabilities[0].tolist())
        head = text_of(page, f"{column} h2")[0]
        assert head.startswith(("first", "second")[number] + ":")
        assert f"{100 * probability:.0f} %" in head and math.isfinite(probability)
