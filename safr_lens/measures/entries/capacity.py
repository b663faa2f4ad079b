"""Capacity of tokens among the tokens of their text."""

from safr_lens.measures.registry import Measure, register_measure

register_measure(
    Measure(
        "capacity",
        title="capacity",
        meaning="0 to 1: how much of a direction each token has to itself among the tokens of its text. Blind to "
        "rotation: it cannot distinguish neurons from mixtures of them.",
        better="higher",
        compute=lambda inputs: inputs.where_defined("capacity"),
        formula="capacity",
        range="(0, 1]",
        null="1 / (1 + n/d) for n random directions in d dimensions",
        interval="bootstrap over texts",
        caution="rotating the neuron basis: it measures superposition, not individual neurons",
        short="capacity",
        tile=True,
        order=40,
    )
)
