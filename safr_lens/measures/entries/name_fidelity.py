"""Name fidelity: whether a neuron's top words say at which other words it is active."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.measures.entries.monosemanticity import FEW_WORDS
from safr_lens.measures.formulas.name_fidelity import NameFidelity, name_fidelity
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.registry import Measure, register_measure
from safr_lens.measures.scores import Scorer, Scores, over_neurons
from safr_lens.measures.streams.type_means import TypeSums, means_of

LEAST_SEEN = 3
SHARED = "the names of all neurons"
ONE_TEXT = "one half of the texts gives the names and the other tests them, which takes two texts or more."


def tested_names(inputs: Inputs) -> Callable[[int | None], NameFidelity] | None:
    """Return what gives the fidelity of all names, of all texts or without a group of them, and keeps it.

    It is the mean of both directions: the groups of texts with an even number are one half, those with an odd one the
    other. None without vectors or two groups of texts.
    """
    types, embeddings = inputs.statistics.types, inputs.embeddings
    if embeddings is None or types.n_groups < 2:
        return None
    if SHARED not in inputs.scorers:
        inputs.scorers[SHARED] = functools.cache(functools.partial(_measured, _Halves(types), embeddings[types.types]))
    return inputs.scorers[SHARED]


def _measured(halves: _Halves, vectors: Float[Tensor, "n_types d_embed"], without: int | None) -> NameFidelity:
    means = [halves.means(half, without) for half in (0, 1)]
    return NameFidelity.mean([name_fidelity(means[half], means[1 - half], vectors) for half in (0, 1)])


class _Halves:
    """Sums over the groups of texts with an even number, and over those with an odd one."""

    def __init__(self, types: TypeSums) -> None:
        self.types = types
        groups = [range(half, types.n_groups, 2) for half in (0, 1)]
        self.sizes = [types.sizes[half::2].sum(0) for half in (0, 1)]
        self.sums = [functools.reduce(torch.add, (types.sums[group] for group in of_half)) for of_half in groups]

    def means(self, half: int, without: int | None) -> Float[Tensor, "n_types d_mlp"]:
        """Return the means over a half, without a group if it is one of that half."""
        sizes, left_out = self.sizes[half], None
        if without is not None and without % 2 == half:
            sizes, left_out = sizes - self.types.sizes[without], self.types.sums[without]
        return means_of(self.sums[half], sizes, left_out).masked_fill_(sizes.unsqueeze(1) < LEAST_SEEN, torch.nan)


def name_scores(inputs: Inputs) -> Scorer | None:
    """Return the area of each neuron's name, with the names of other neurons as its null."""
    names = tested_names(inputs)
    if names is None:
        return None

    # without the inputs themselves, which keep it: they would be freed by the garbage collector alone
    def scores(without: int | None) -> Scores:
        found = names(without)
        return Scores(found.auc, found.null, found.holds)

    return scores


def by_effect(inputs: Inputs) -> Measurement | None:
    """Return the mean over neurons weighted by the absolute change of the loss when they are ablated."""
    scorer, effects = name_scores(inputs), inputs.statistics.ablation
    if scorer is None or effects is None or effects.loss_gained.isnan().any():
        return None
    return over_neurons(inputs.statistics, scorer, effects.loss_gained.abs())


def that_hold(inputs: Inputs) -> Measurement | None:
    """Return the share of names that hold, and of other neurons' names that would."""
    names = tested_names(inputs)
    if names is None:
        return None

    def scores(without: int | None) -> Scores:
        found = names(without)
        known = found.auc.isfinite() & found.null.isfinite()
        return Scores(found.holds.float().where(known, torch.nan), found.others_hold)

    return over_neurons(inputs.statistics, scores)


def absent(inputs: Inputs) -> str:
    """Return why there is no name fidelity."""
    if inputs.embeddings is None:
        return FEW_WORDS
    return "" if inputs.statistics.types.n_groups > 1 else ONE_TEXT


COMMON = {
    "better": "higher",
    "formula": "name_fidelity",
    "absent": absent,
    "interval": "jackknife over groups of texts",
    "caution": "word vectors that the training used: the analysis says where they come from",
}
register_measure(
    Measure(
        "name_fidelity",
        title="name fidelity (AUC)",
        meaning="Whether closeness to a neuron's five top words tells at which other words it is active, on texts that "
        "did not give the name: 0.5 says nothing, 1 everything. Judge it above the names of other neurons.",
        scores=name_scores,
        range="[0, 1]",
        null="the names of other neurons: 0.43 to 0.56",
        order=72,
        **COMMON,
    )
)
register_measure(
    Measure(
        "name_fidelity_by_effect",
        title="name fidelity, weighted by effect",
        meaning="Whether a neuron's five top words tell at which other words it is active (0.5 says nothing), where a "
        "neuron counts by how much the loss changes when it is set to 0. Not measured for the untrained model, whose "
        "neurons are not ablated.",
        compute=by_effect,
        range="[0, 1]",
        null="the names of other neurons",
        short="name fidelity by effect",
        tile=True,
        order=73,
        **COMMON,
    )
)
register_measure(
    Measure(
        "names_that_hold",
        title="names that hold, %",
        meaning="Neurons whose name fidelity is 0.7 or more, and more than 1.96 standard errors above that of other "
        "neurons' names.",
        compute=that_hold,
        scale=100,
        digits=1,
        range="[0, 100] %",
        null="other neurons' names that would hold as well",
        order=74,
        **COMMON,
    )
)
