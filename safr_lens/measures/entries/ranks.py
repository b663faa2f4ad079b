"""Effective rank and participation ratio of the tokens' neuron vectors."""

from __future__ import annotations

from safr_lens.measures.estimate import no_interval
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.registry import Measure, register_measure

COMMON = {"better": "neither", "digits": 1, "range": "[1, d_mlp]", "null": "near d_mlp"}


def _rank(inputs: Inputs, name: str) -> Measurement | None:
    ranks = inputs.statistics.ranks
    return None if ranks is None else Measurement(no_interval(getattr(ranks, name)))


register_measure(
    Measure(
        "effective_rank",
        title="effective rank",
        meaning="Dimensions that the neuron vectors of tokens fill, by entropy.",
        compute=lambda inputs: _rank(inputs, "effective_rank"),
        formula="effective_rank",
        order=120,
        **COMMON,
    )
)
register_measure(
    Measure(
        "participation_ratio",
        title="participation ratio",
        meaning="Dimensions that the neuron vectors of tokens fill, by the squared shares of variance.",
        compute=lambda inputs: _rank(inputs, "participation_ratio"),
        formula="participation_ratio",
        order=121,
        **COMMON,
    )
)
