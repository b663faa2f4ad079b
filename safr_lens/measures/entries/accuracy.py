"""Accuracy."""

from safr_lens.measures.registry import Measure, register_measure

register_measure(
    Measure(
        "accuracy",
        title="accuracy, %",
        meaning="Share of texts classified right.",
        better="higher",
        compute=lambda inputs: inputs.ratio("correct") if inputs.labelled else None,
        scale=100,
        digits=1,
        range="[0, 100] %",
        null="share of the largest class",
        interval="bootstrap over texts",
        short="accuracy %",
        tile=True,
        order=10,
    )
)
