"""Values at the edge: every view is drawn, legible, and says nothing like 'nan' to a reader."""

from __future__ import annotations

import base64
import math
import re

import pytest
import torch

from safr_lens import HookedClassifier, ModelConfig, views
from safr_lens.errors import NotFiniteError
from safr_lens.views import View
from tests.browser.pages import ILLEGIBLE, NO_NUMBER, page_of, props_of, wait_until_drawn
from tests.training.corpus import rows, tiny_classifier

TEXT = "the dull film is great"
DATA = [{"text": row["text"], "label": row["label"]} for row in rows(30, seed=1)]


def classifier(n_classes: int = 2, **sizes) -> HookedClassifier:
    small = {"n_layers": 1, "d_model": 16, "n_heads": 2, "d_mlp": 16, "d_vmask": 8, "n_ctx": 16}
    labels = [f"class {number}" for number in range(n_classes)]
    config = ModelConfig(**{**small, **sizes})
    return HookedClassifier.from_config(config, tokenizer=tiny_classifier().tokenizer, labels=labels)


def all_zero() -> HookedClassifier:
    model = classifier()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    return model


def all_negative() -> HookedClassifier:
    """Every neuron speaks against the class that a bias makes win."""
    model = classifier()
    with torch.no_grad():
        direction = torch.linspace(-1, 1, 16)
        model.backbone.W_out[:] = -direction
        model.backbone.unembed.W_U[:] = torch.stack([direction, torch.zeros(16)], dim=1)
        model.backbone.unembed.b_U[:] = torch.tensor([100.0, 0.0])
    return model


def biased(value: float) -> HookedClassifier:
    model = classifier()
    torch.nn.init.constant_(model.backbone.unembed.b_U[0:1], value)
    return model


def silent(*neurons: int) -> HookedClassifier:
    model = classifier()
    with torch.no_grad():
        model.backbone.b_in[0, list(neurons)] = -1e6
    return model


def uniform_attention() -> HookedClassifier:
    model = classifier()
    torch.nn.init.zeros_(model.backbone.blocks[0].attn.W_Q)
    return model


MODELS = {
    "all zero": all_zero,
    "all negative": all_negative,
    "not a number": lambda: biased(math.nan),
    "infinite": lambda: biased(math.inf),
    "huge": lambda: biased(1e30),
    "20 classes": lambda: classifier(20),
    "12 layers": lambda: classifier(n_layers=12),
    "a dead neuron": lambda: silent(3),
    "all neurons silent": lambda: silent(*range(16)),
    "no correlated pair": uniform_attention,
}


NOT_MEASURED = ("not a number", "infinite")


def views_of_text(model: HookedClassifier, text: str = TEXT) -> list[View]:
    of_text = [views.allocation, views.tokens, views.superposition, views.contributions, views.attention]
    return [make(model, text) for make in of_text]


def every_view(model: HookedClassifier, text: str = TEXT) -> list[View]:
    return [*views_of_text(model, text), views.neuron(model, DATA, 3, k=3)]


def assert_legible(page) -> None:
    wait_until_drawn(page)
    assert page.bad == []
    assert page.evaluate(ILLEGIBLE) == []
    assert re.findall(NO_NUMBER, page.evaluate("document.body.innerText")) == []
    for source, said in page.eval_on_selector_all("img", "all => all.map((one) => [one.src, one.alt])"):
        drawn = base64.b64decode(source.partition(",")[2]).decode()
        assert re.findall(NO_NUMBER, " ".join(re.findall(r"<text[^>]*>([^<]*)<", drawn)).replace("undefined", "")) == []
        assert re.findall(NO_NUMBER, said.replace("undefined", "")) == []
        assert "<path" in drawn


def assert_scales(page) -> None:
    """The ends of each scale are finite, rise, and hold all values; a scale of signed values has 0 in its middle."""
    for name, props in props_of(page):
        if name == "TextNeuronActivations":
            values = torch.tensor(props["activations"])
            assert torch.equal(values.amax(0), -values.amin(0)) and (values.amax(0) > 0).all()
            continue
        low, high = props["minValue"], props["maxValue"]
        values = torch.tensor(props["values" if name == "ColoredTokens" else "attention"])
        assert low < high and values.isfinite().all()
        assert low == (0 if name == "AttentionHeads" else -high)
        # values are written with four digits
        assert low * 1.001 - 1e-4 <= values.min() and values.max() <= high * 1.001 + 1e-4


@pytest.mark.parametrize("name", MODELS)
def test_odd_models(name, open_page, tmp_path):
    model = MODELS[name]()
    if name in NOT_MEASURED:
        for make in (lambda: views.neuron(model, DATA, 3), lambda: views_of_text(model)):
            with pytest.raises(NotFiniteError):
                make()
        return
    page = open_page(page_of(every_view(model), tmp_path / "odd.html"))
    assert_legible(page)
    assert_scales(page)


def test_one_token(open_page, tmp_path):
    page = open_page(page_of(every_view(classifier(), "dull"), tmp_path / "one.html"))
    assert_legible(page)
    assert_scales(page)
    assert "this text has no pairs that attend to each other" in page.evaluate("document.body.innerText").lower()


def test_512_tokens(open_page, tmp_path):
    model, text = classifier(n_ctx=512, n_heads=1), " ".join(["the dull film is"] * 128)
    page = open_page(page_of(views_of_text(model, text), tmp_path / "long.html"))
    assert_legible(page)
    assert_scales(page)
    assert "the first 64 of 512 tokens" in page.evaluate("document.body.innerText")


def test_all_zero_is_white_and_all_negative_is_not(open_page, tmp_path):
    zero, negative = (views.contributions(make(), TEXT) for make in (all_zero, all_negative))
    page = open_page(page_of([zero, negative], tmp_path / "two.html"))
    wait_until_drawn(page)
    colors = page.eval_on_selector_all(
        ".view .colored-tokens",
        "all => all.map((one) => [...one.querySelectorAll('span > span')].map((t) => t.style.backgroundColor))",
    )
    assert set(colors[0]) == {"rgb(255, 255, 255)"}
    assert len(colors) == 4 and set(colors[2]) != {"rgb(255, 255, 255)"}
