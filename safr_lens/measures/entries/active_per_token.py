"""Active neurons per token."""

from safr_lens.measures.registry import Measure, register_measure

register_measure(
    Measure(
        "active_per_token",
        title="active neurons per token",
        meaning="Fewer are easier to read, unless none is.",
        better="lower",
        compute=lambda inputs: inputs.ratio("active", "tokens"),
        digits=1,
        formula="l0",
        range="[0, d_mlp]",
        null="about d_mlp / 2",
        interval="bootstrap over texts",
        caution="silent tokens",
        short="active per token",
        tile=True,
        order=90,
    )
)
