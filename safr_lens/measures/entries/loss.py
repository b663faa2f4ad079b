"""Cross-entropy."""

from safr_lens.measures.registry import Measure, register_measure

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
