"""What views of a neuron head say, and what they leave out: it has no VMASK, and its attention is the encoder's."""

from __future__ import annotations

import pytest

from safr_lens import HookedClassifier, views
from tests.backbones.pretrained.encoders import write_small_bert

TEXT = "a good film"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_small_bert(tmp_path_factory.mktemp("encoders") / "small-bert")


def shown(view) -> str:
    return view.rendered("view", heading="h1").html


@pytest.mark.parametrize("d_vmask", [0, 8])
@pytest.mark.parametrize("view", [views.allocation, views.tokens])
def test_importance_is_shown_where_there_is_vmask(encoder, view, d_vmask):
    model = HookedClassifier.from_pretrained_backbone(encoder, labels=("bad", "good"), d_mlp=16, d_vmask=d_vmask)
    assert ("importance" in shown(view(model, TEXT)).lower()) == (d_vmask > 0)


def test_layers_are_named_as_what_they_are(encoder):
    model = HookedClassifier.from_pretrained_backbone(encoder, labels=("bad", "good"), d_mlp=16)
    attention = shown(views.attention(model, TEXT))
    assert "s last layer. Rows" in attention and "Each row sums to 1" not in attention
    assert "Neurons of the head." in shown(views.superposition(model, TEXT))
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(["a good film", "a bad film"] * 5)]
    dashboard = views.neuron(model, rows, 3)
    assert dashboard.title == "Neuron 3 of the head"
    assert "final LayerNorm" not in shown(dashboard)
