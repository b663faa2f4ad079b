"""One explanation of a text, from one forward pass, shared by all tables and views of it."""

from __future__ import annotations

from contextlib import contextmanager

import pandas as pd
import pytest
import torch

from safr_lens import ablate, explain, pair_table, token_table, views
from safr_lens.errors import ConfigError, TextError

TEXT = "a gripping , funny film"
BY_TEXT = {
    "explain": explain,
    "token_table": token_table,
    "pair_table": pair_table,
    "allocation": views.allocation,
    "attention": views.attention,
    "contributions": views.contributions,
    "superposition": views.superposition,
    "tokens": views.tokens,
}


@contextmanager
def passes_of(model):
    """Collect the token ids of each forward pass of a model."""
    passes = []
    handle = model.adapter.embedder.register_forward_pre_hook(lambda module, args: passes.append(args[0].tolist()))
    try:
        yield passes
    finally:
        handle.remove()


@pytest.mark.parametrize("name", BY_TEXT)
def test_a_text_is_read_once(model, name):
    ids = model.to_tokens(TEXT)[0].tolist()
    with passes_of(model) as passes:
        BY_TEXT[name](model, TEXT)
    assert passes.count(ids) == 1


@pytest.mark.parametrize("name", BY_TEXT)
def test_an_explanation_stands_in_for_its_text(model, name):
    made = explain(model, TEXT)
    words = [["word"]] * model.config.d_mlp
    named = {"words": words} if name in ("allocation", "contributions", "tokens") else {}
    with passes_of(model) as passes:
        shown = BY_TEXT[name](model, made, **named)
    assert not passes
    expected = BY_TEXT[name](model, TEXT, **named)
    if isinstance(shown, views.View):
        assert shown.rendered("a").html == expected.rendered("a").html
    elif isinstance(shown, pd.DataFrame):
        pd.testing.assert_frame_equal(shown, expected)
    else:
        assert shown is made


def test_a_baseline_reads_the_text_once_too(make_model):
    model, plain = make_model(), make_model(seed=3)
    with passes_of(plain) as passes:
        content = views.allocation(model, explain(model, TEXT), plain, baseline_words=[[]] * 32).content
    assert len(passes) == 1 and content["text"] == TEXT and len(content["models"]) == 2


def test_it_holds_what_the_model_computes(model):
    last = model.config.n_layers - 1
    names = [f"blocks.{last}.mlp.hook_post", f"blocks.{last}.attn.hook_pattern"]
    made = explain(model, TEXT)
    with torch.no_grad():
        output = model(TEXT, capture=names)
    torch.testing.assert_close(made.neurons[-1], output.activations[names[0]][0])
    torch.testing.assert_close(made.patterns[-1], output.activations[names[1]][0])
    torch.testing.assert_close(made.parts.logits, output.logits[0])
    torch.testing.assert_close(made.parts.by_token(), model.decompose(TEXT).by_token())
    torch.testing.assert_close(made.importance, output.importance[0])
    assert len(made.neurons) == len(made.patterns) == model.config.n_layers
    assert made.label == model.labels[int(output.logits.argmax())]


def test_it_keeps_what_was_true_when_it_was_made(make_model):
    model = make_model()
    with ablate(model, range(32)):
        made = explain(model, TEXT)
    assert not token_table(model, made)["active"].any() and token_table(model, TEXT)["active"].any()


def test_as_a_dict_it_names_the_predicted_class(model):
    answer = explain(model, TEXT).to_dict(top=50)
    assert answer["probability"] == max(answer["probabilities"].values())
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
    assert len(answer["tokens"]) == 5


def test_an_explanation_of_another_model_is_refused(make_model):
    with pytest.raises(ConfigError, match="another model"):
        token_table(make_model(), explain(make_model(seed=3), TEXT))


def test_a_text_that_is_too_long_is_refused_or_cut(make_model):
    model = make_model()
    with pytest.raises(TextError, match="reads at most 32"):
        explain(model, "dull " * 40)
    assert len(explain(model, "dull " * 40, truncate=True).tokens) == 32
