"""Accuracy and loss."""

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
register_measure(
    Measure(
        "loss",
        title="loss, nats",
        meaning="Mean cross-entropy.",
        better="lower",
        compute=lambda inputs: inputs.ratio("loss") if inputs.labelled else None,
        range="0 and above",
        null="log of the number of classes",
        interval="bootstrap over texts",
        order=20,
    )
)
