"""Reliance: accuracy lost when all MLPs are ablated."""

from __future__ import annotations

from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.registry import Measure, register_measure

COMMON = {
    "better": "higher",
    "scale": 100,
    "digits": 1,
    "formula": "reliance",
    "range": "[-100, 100] points",
    "null": "about 0",
    "interval": "bootstrap over texts",
}


def _lost(inputs: Inputs, mode: str) -> Measurement | None:
    if not inputs.labelled or mode not in inputs.ablated:
        return None
    lost = inputs.statistics.texts.columns["correct"] - inputs.ablated[mode].correct.double()
    return Measurement(inputs.mean_of(lost))


register_measure(
    Measure(
        "reliance_zero",
        title="reliance (MLP set to 0), points",
        meaning="Accuracy lost without the MLPs. Under 5, the neurons do not carry the decision.",
        compute=lambda inputs: _lost(inputs, "zero"),
        short="reliance points",
        tile=True,
        order=30,
        **COMMON,
    )
)
register_measure(
    Measure(
        "reliance_mean",
        title="reliance (MLP set to its mean), points",
        meaning="Accuracy lost when the MLPs write their mean at every token: the constant that they add is kept.",
        compute=lambda inputs: _lost(inputs, "mean"),
        order=31,
        **COMMON,
    )
)
