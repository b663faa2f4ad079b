"""Population sparsity of tokens."""

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
