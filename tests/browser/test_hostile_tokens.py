"""Over 100 hostile texts as tokens of every view: nothing runs, and each is shown as the text it is."""

from __future__ import annotations

import unicodedata

import pytest

from safr_lens import HookedClassifier, ModelConfig, views
from safr_lens.visible import shortened
from tests.browser.hostile import SEPARATOR, assert_nothing_ran, seen, whole_tokens
from tests.browser.pages import notebook_page, page_of, plain, props_of, text_of, wait_until_drawn
from tests.browser.payloads import PAYLOADS

TEXT = SEPARATOR.join(PAYLOADS)
PART = 60  # circuitsvis draws attention among that many tokens


@pytest.fixture(scope="module")
def hostile_model() -> HookedClassifier:
    config = ModelConfig(d_model=16, n_heads=1, d_mlp=32, d_vmask=8, n_ctx=256)
    return HookedClassifier.from_config(config, tokenizer=whole_tokens(PAYLOADS), labels=("no", "yes"))


@pytest.fixture(scope="module")
def expected(hostile_model) -> list[str]:
    tokens = hostile_model.to_str_tokens(TEXT)
    cleaned = [unicodedata.normalize("NFC", one) for one in PAYLOADS]
    assert len(tokens) == len(cleaned) == len(set(PAYLOADS)) >= 100
    return [seen(token) for token in tokens]


@pytest.mark.parametrize("make", [views.allocation, views.tokens, views.superposition, views.contributions])
def test_tokens_are_shown_as_they_are(make, hostile_model, expected, open_page):
    page = open_page(make(hostile_model, TEXT))
    wait_until_drawn(page)
    assert_nothing_ran(page)
    heatmaps = page.eval_on_selector_all(
        ".view:not(.choice) .colored-tokens",
        "all => all.map((heatmap) => [...heatmap.querySelectorAll('span > span')].map((one) => one.innerText))",
    )
    assert heatmaps
    for heatmap in heatmaps:
        assert [plain(token) for token in heatmap] == expected


def test_tokens_in_a_notebook_without_a_policy_do_not_run(hostile_model, open_page, tmp_path):
    made = [make(hostile_model, TEXT) for make in (views.allocation, views.tokens)]
    page = open_page(notebook_page(made, tmp_path / "notebook.html"))
    wait_until_drawn(page)
    assert_nothing_ran(page)


def test_the_chosen_neuron_and_its_tooltip_show_text(hostile_model, expected, open_page):
    page = open_page(views.allocation(hostile_model, SEPARATOR.join(PAYLOADS[:30])))
    wait_until_drawn(page)
    assert text_of(page, ".choice .colored-tokens > span > span")[:30] == expected[:30]
    for number in (0, 2, 3):
        page.locator(".view .colored-tokens").first.locator("> span").nth(number).hover()
        [name] = text_of(page, "[data-popper-placement] strong")
        assert name == expected[number]
    assert_nothing_ran(page)


def test_attention_shows_text(hostile_model, open_page, tmp_path):
    parts = [PAYLOADS[:PART], PAYLOADS[PART : 2 * PART], PAYLOADS[2 * PART :]]
    made = [views.attention(hostile_model, SEPARATOR.join(part)) for part in parts]
    page = open_page(page_of(made, tmp_path / "attention.html"))
    wait_until_drawn(page)
    assert_nothing_ran(page)
    for (_, props), part in zip(props_of(page), parts, strict=True):
        assert len(props["tokens"]) == len(part)
        # a bracket that a word joiner follows opens no tag
        assert not any(f"{sign}{after}" in token for token in props["tokens"] for sign in "<&" for after in "sia/!#lb")


def test_examples_of_a_neuron_show_text(hostile_model, expected, open_page):
    view = views.neuron(hostile_model, 5 * [{"text": TEXT, "label": 0}], 3, k=1, window=len(PAYLOADS))
    page = open_page(view)
    wait_until_drawn(page)
    assert_nothing_ran(page)
    assert text_of(page, ".colored-tokens > span > span") == expected
    assert text_of(page, ".mark") == [seen(shortened(example["token"], 40)) for example in view.content["examples"]]


def test_tables_and_names_show_text(hostile_model, open_page):
    view = views.allocation(hostile_model, SEPARATOR.join(PAYLOADS[:12]), n_neurons=50)
    page = open_page(view)
    parts = [name for name, _ in view.content["models"][0]["neuron_sum"]]
    assert text_of(page, "table.sums tr.part th") == [seen(shortened(name, 70)) for name in parts]
    options = text_of(page, ".choice select:last-of-type option")
    assert set(text_of(page, "table.sums tr.part th")) & set(options)
    assert_nothing_ran(page)
