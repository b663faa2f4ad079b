"""Neurons for half of a token's evidence, and the median of whole numbers."""

from __future__ import annotations

import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.evidence import interpolated_median, neurons_for_half
from tests.reference import slow_measures as slow


def random_evidence(seed=0, d_mlp=40):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(30, d_mlp, generator=generator) * (torch.rand(30, 1, generator=generator) * 6).exp()
    return values * (torch.rand(30, d_mlp, generator=generator) < 0.6)


@pytest.mark.parametrize("d_mlp", [1, 2, 40])
def test_it_equals_a_slow_loop(d_mlp):
    evidence = random_evidence(d_mlp=d_mlp)
    assert neurons_for_half(evidence).tolist() == [slow.neurons_for_half(row) for row in evidence.tolist()]


def test_alike_neurons_share_alike_and_one_neuron_has_all():
    alike, alone = torch.full((1, 64), -2.0), torch.zeros(1, 64)
    alone[0, 7] = 1e-6
    assert neurons_for_half(torch.cat([alike, alone, torch.zeros(1, 64)])).tolist() == [32, 1, 0]


def test_a_geometric_row_has_a_known_answer():
    # the first k of 1, r, r^2, ... have 1 - r^k of the whole: half with r = 0.9 from k = 7 on
    assert neurons_for_half(0.9 ** torch.arange(200.0).unsqueeze(0)).item() == 7


def test_scale_sign_and_order_of_neurons_do_not_matter():
    evidence, generator = random_evidence(), torch.Generator().manual_seed(1)
    expected = neurons_for_half(evidence)
    order = torch.randperm(evidence.shape[1], generator=generator)
    signs = torch.randint(2, evidence.shape, generator=generator) * 2 - 1
    for changed in (256 * evidence, evidence / 1024, evidence[:, order], evidence * signs):
        assert torch.equal(neurons_for_half(changed), expected)


def test_rectified_normal_activations_need_about_0_08_of_the_neurons():
    generator = torch.Generator().manual_seed(0)
    evidence = torch.randn(200, 1024, generator=generator).relu() * torch.randn(200, 1024, generator=generator)
    assert 0.06 < neurons_for_half(evidence).float().mean().item() / 1024 < 0.10


@settings(max_examples=30)
@given(values=st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_the_interpolated_median_is_the_grouped_median(values):
    counts = torch.bincount(torch.tensor(values), minlength=10).double()
    found = interpolated_median(counts).item()
    assert abs(found - statistics.median(values)) <= 0.5 or len(values) % 2 == 0
    # where an end of a number is the middle, any value up to the next number is a median; the lower end is taken
    ordered = sorted(values)
    if len(values) % 2 or ordered[len(values) // 2 - 1] == ordered[len(values) // 2]:
        assert found == pytest.approx(statistics.median_grouped(values))


def test_a_median_of_nothing_is_undefined():
    assert interpolated_median(torch.zeros(3, 5)).isnan().all()
