"""While a model is measured, its frozen encoder runs once for each text, and what is measured is the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from safr_lens.activations import remembered
from safr_lens.activations.remembered import remembered_vectors
from safr_lens.analysis import analyze
from safr_lens.backbones.edits import Edits
from safr_lens.models.learned import untrained
from tests.backbones import toy_encoder  # noqa: F401  (registers a head)


@pytest.fixture
def model(make_model):
    return make_model(backbone="toy_head", d_vmask=0)


def run(model, texts):
    with torch.no_grad():
        return model(list(texts)).logits


def test_the_encoder_runs_once_for_each_text(model, texts):
    expected, encoder = run(model, texts), model.backbone.encoder
    with remembered_vectors(model):
        before = encoder.runs
        torch.testing.assert_close(run(model, texts), expected)
        torch.testing.assert_close(run(model, texts), expected, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(run(model, texts[1:3]), expected[1:3], atol=1e-6, rtol=1e-5)
        assert encoder.runs == before + 1
    run(model, texts)
    assert encoder.runs == before + 2


def test_a_head_of_other_weights_shares_them(model, texts):
    fresh = untrained(model)
    expected = run(fresh, texts)
    with remembered_vectors(model, fresh):
        run(model, texts)
        before = fresh.backbone.encoder.runs
        torch.testing.assert_close(run(fresh, texts), expected, atol=1e-6, rtol=1e-5)
        assert fresh.backbone.encoder.runs == before
    assert fresh.adapter.known_vectors is None


def test_another_thread_runs_the_encoder(model, texts):
    with remembered_vectors(model), ThreadPoolExecutor() as pool:
        run(model, texts)
        before = model.backbone.encoder.runs
        pool.submit(run, model, texts).result()
        assert model.backbone.encoder.runs == before + 1


def test_gradients_are_not_remembered(model, texts):
    with remembered_vectors(model):
        model(list(texts)).logits.sum().backward()
        before = model.backbone.encoder.runs
        run(model, texts)
        assert model.backbone.encoder.runs == before + 1


def test_memory_is_bounded(model, texts, monkeypatch):
    monkeypatch.setattr(remembered, "MOST_BYTES", 1)
    expected = run(model, texts)
    with remembered_vectors(model):
        for _ in range(3):
            torch.testing.assert_close(run(model, texts), expected, atol=1e-6, rtol=1e-5)
        assert len(model.adapter.known_vectors._vectors) == 1


@pytest.mark.parametrize("freeze", ["all", "none"])
def test_a_changed_encoder_runs_as_always(make_model, texts, freeze):
    model = make_model(backbone="toy_head", d_vmask=0, freeze=freeze)
    hooks = [("layers.0.residual", lambda value, hook: 0 * value)] if freeze == "all" else []
    with model.hooks(fwd_hooks=hooks), remembered_vectors(model):
        assert model.adapter.known_vectors is None


def test_an_encoder_that_a_block_edits_runs_as_always(model):
    edits = Edits(after=[("layers.0.residual", lambda value: 0 * value)])
    with edits.around(model.hook_dict), remembered_vectors(model):
        assert model.adapter.known_vectors is None


def test_another_model_is_left_alone(make_model, texts):
    model = make_model()
    expected = run(model, texts)
    with remembered_vectors(model):
        assert torch.equal(run(model, texts), expected)


def test_an_analysis_runs_the_encoder_once_for_each_text_and_measures_the_same(model, texts, monkeypatch):
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(texts)]
    before = model.backbone.encoder.runs
    found = analyze(model, rows)
    assert 0 < model.backbone.encoder.runs - before <= len(rows)
    monkeypatch.setattr(remembered, "needs_encoder", lambda adapter: True)
    slow = analyze(model, rows)
    assert found.measurements.keys() == slow.measurements.keys() and found.faithfulness is None
    for name, measurement in found.measurements.items():
        expected = slow.measurements[name].estimate.value
        assert measurement.estimate.value == pytest.approx(expected, abs=1e-4, nan_ok=True)
