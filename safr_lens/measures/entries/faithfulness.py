"""Faithfulness of VMASK's importance, each against random rankings."""

from __future__ import annotations

import math

from safr_lens.measures.estimate import no_interval
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.registry import Measure, register_measure


def _against_random(inputs: Inputs, name: str) -> Measurement | None:
    measured = inputs.faithfulness
    if measured is None or (name == "naopc" and not len(measured.lower)):
        return None
    tested, chance = getattr(measured.tested, name), getattr(measured.random, name)
    known = ~(tested.isnan() | chance.isnan())
    if not known.any():
        return Measurement(no_interval(math.nan), n_undefined=len(tested))
    parts = [inputs.mean_of(values[known]) for values in (tested, chance, tested - chance)]
    return Measurement(*parts, n_undefined=int((~known).sum()))


def _register(name: str, title: str, meaning: str, better: str, range: str, order: int) -> None:
    register_measure(
        Measure(
            name,
            title=f"{title} of importance",
            meaning=meaning,
            better=better,
            compute=lambda inputs: _against_random(inputs, name),
            formula="normalised_aopc" if name == "naopc" else name,
            range=range,
            null="random rankings",
            interval="bootstrap over texts",
            caution="out-of-distribution texts after deletion; compare with random rankings only",
            order=order,
        )
    )


_register(
    "comprehensiveness",
    "comprehensiveness",
    "Probability lost when the most important tokens are deleted; judge it above random rankings.",
    "higher",
    "[-1, 1]",
    130,
)
_register(
    "sufficiency",
    "sufficiency",
    "Probability lost when only the most important tokens are kept; judge it below random rankings.",
    "lower",
    "[-1, 1]",
    131,
)
_register(
    "aopc",
    "AOPC",
    "Mean probability lost as tokens are deleted in order of importance; not comparable across models.",
    "higher",
    "[-1, 1]",
    132,
)
_register(
    "naopc",
    "normalised AOPC",
    "0 for the worst and 1 for the best order of deletion that each text has in this model.",
    "higher",
    "[0, 1]",
    133,
)
