"""How many neurons are active at a token, and how many ever are."""

from safr_lens.measures.estimate import no_interval
from safr_lens.measures.measurement import Measurement
from safr_lens.measures.registry import Measure, register_measure

register_measure(
    Measure(
        "population_sparsity",
        title="population sparsity (Hoyer)",
        meaning="0 to 1: 1 for a token with one active neuron. Silent tokens have none and are left out.",
        better="neither",
        compute=lambda inputs: inputs.where_defined("sparsity"),
        formula="hoyer",
        range="[0, 1]",
        null="0.44 for rectified normal activations",
        interval="bootstrap over texts",
        caution="silent tokens; they are excluded and their number is reported",
        order=80,
    )
)
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
register_measure(
    Measure(
        "alive_neurons",
        title="alive neurons, %",
        meaning="Neurons that are active at one token or more.",
        better="higher",
        compute=lambda inputs: Measurement(no_interval(inputs.statistics.activity.alive.double().mean().item())),
        scale=100,
        digits=1,
        range="[0, 100] %",
        null="about 100 %",
        short="alive %",
        order=110,
    )
)
