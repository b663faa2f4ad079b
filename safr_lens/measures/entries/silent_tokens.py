"""Silent tokens."""

from safr_lens.measures.registry import Measure, register_measure

register_measure(
    Measure(
        "silent_tokens",
        title="silent tokens, %",
        meaning="Tokens without an active neuron. Where there are many, the other measures describe silence.",
        better="lower",
        compute=lambda inputs: inputs.ratio("silent", "tokens"),
        scale=100,
        digits=1,
        range="[0, 100] %",
        null="about 0",
        interval="bootstrap over texts",
        short="silent %",
        order=100,
    )
)
