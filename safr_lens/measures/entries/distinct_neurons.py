"""Distinctness: how many different neurons the alive ones amount to."""

from __future__ import annotations

import functools

from safr_lens.measures.estimate import jackknife
from safr_lens.measures.formulas.distinctness import distinct_neurons, independent_neurons
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.registry import Measure, register_measure


def distinctness(inputs: Inputs) -> Measurement:
    """Return the effective number over token types, and that of as many independent neurons.

    The null is no part of what models are compared by: it says what the number could be at most on these texts.
    """
    types = inputs.statistics.types

    @functools.cache
    def both(without: int | None) -> tuple[float, float]:
        means = types.means(without=without, null=False).means
        n_varying = int((means.amax(0) > means.amin(0)).sum()) if len(means) else 0
        return distinct_neurons(means) if n_varying else float("nan"), independent_neurons(n_varying, len(means))

    value, null = (jackknife(lambda without, i=i: both(without)[i], types.n_groups) for i in (0, 1))
    return Measurement(value, null=null)


register_measure(
    Measure(
        "distinct_neurons",
        title="different neurons (effective number)",
        meaning="How many different neurons the alive ones amount to, copies counted once: from the correlations of "
        "their mean activations by word.",
        better="higher",
        compute=distinctness,
        digits=1,
        formula="distinct_neurons",
        range="[1, d_mlp]",
        null="as many independent neurons over as many words; models are compared by the value, not above it",
        interval="jackknife over groups of texts",
        caution="dense noise: neurons that say nothing differ from each other",
        order=112,
    )
)
