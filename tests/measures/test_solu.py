"""Models whose neurons can be below 0, and SoLU's, which are read ahead of their LayerNorm."""

from __future__ import annotations

import pytest
import torch

from safr_lens.measures.statistics import collect_statistics
from safr_lens.neurons import ablation_effects, top_activations

ROWS = [{"text": t, "label": i % 2} for i, t in enumerate(["a gripping , funny film", "a dull film", "boring"] * 4)]


@pytest.mark.parametrize(("act_fn", "point"), [("relu", "post"), ("gelu", "post"), ("solu_ln", "mid")])
def test_measures_read_what_people_read(make_model, act_fn, point):
    model = make_model(act_fn=act_fn)
    name = f"blocks.0.mlp.hook_{point}"
    assert model.adapter.readable_neurons(0) == name
    rows = torch.cat([model(row["text"], capture=[name]).activations[name][0] for row in ROWS])
    found = collect_statistics(model, ROWS, min_count=1)
    torch.testing.assert_close(found.activity.firing_rate, (rows > 0).float().mean(0), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.activity.mean, rows.mean(0).detach(), atol=1e-5, rtol=1e-4)
    neuron = int(rows.mean(0).argmax())
    top = top_activations(model, ROWS, neuron=neuron, k=2)
    assert top["activation"].max() == pytest.approx(rows[:, neuron].max().item(), abs=1e-5)


def test_ablating_a_solu_neuron_is_measured_behind_its_layer_norm(make_model):
    model = make_model(act_fn="solu_ln")
    found = collect_statistics(model, ROWS, min_count=1).ablation
    for row in ablation_effects(model, ROWS, neurons=[0, 5]).itertuples():
        assert found.loss_gained[row.neuron].item() == pytest.approx(row.loss_gained, abs=1e-5)
