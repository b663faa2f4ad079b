"""Shares of a token's evidence have the sign of what the neuron says."""

from __future__ import annotations

import pytest

from safr_lens import explain, token_table
from safr_lens.views import allocation
from safr_lens.views.allocation import MOST_NAMED, N_NAMED
from safr_lens.views.names import NeuronNames
from safr_lens.views.sums import signed_shares
from tests.training.corpus import tiny_classifier

TEXT = "a gripping film and a dull plot"


@pytest.fixture(scope="module")
def seen():
    return explain(tiny_classifier(), TEXT)


def test_shares_have_the_sign_of_the_evidence(seen):
    signs = set()
    table = token_table(seen.model, seen, top=4)
    for position, row in enumerate(table.to_dict("records")):
        called = NeuronNames(seen.model).by_number(row["neurons"])
        evidence = seen.attribution.evidence[position]
        for neuron, (name, share) in zip(row["neurons"], signed_shares(seen, row, called), strict=True):
            expected = evidence[neuron].item() / evidence.abs().sum().item()
            assert name == called[neuron] and share == pytest.approx(expected, rel=1e-4)
            signs.add(share > 0)
    assert signs == {True, False}


def test_a_token_lists_the_neurons_of_half_of_its_evidence_where_they_are_few(seen):
    [one] = allocation(seen.model, seen).content["models"]
    assert [abs(row["evidence"]) for row in one["tokens"]] == sorted(map(abs, seen.evidence.tolist()), reverse=True)
    assert sum(one["sums"]) == pytest.approx(seen.evidence.sum().item(), abs=1e-6)
    for row in one["tokens"]:
        half = row["neurons_for_half"]
        assert len(row["named"]) == (half if half <= MOST_NAMED else N_NAMED)
        assert sum(abs(share) for _, share in row["named"]) + row["rest"] == pytest.approx(1, abs=1e-5)
