"""Alive neurons."""

from safr_lens.measures.estimate import no_interval
from safr_lens.measures.measurement import Measurement
from safr_lens.measures.registry import Measure, register_measure

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
