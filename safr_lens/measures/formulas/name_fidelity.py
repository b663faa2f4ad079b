"""Whether a neuron's name says at which other words it is active: detection scoring without a language model."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.measures.formulas.in_blocks import AT_ONCE, by_neurons
from safr_lens.word_vectors.vectors import unit_rows

N_WORDS = 5
SHARE = 0.25
N_OTHERS = 5
LEAST_AUC = 0.7
STEPS = 1 << 20  # closeness is compared in so many steps of a cosine, since rounding must not order equal words


@dataclass(frozen=True)
class NameFidelity:
    """How well names tell at which words neurons are active; NaN where that is undefined.

    Attributes:
        auc: with the neuron's own name.
        null: mean with the names of other neurons.
        error: standard error of the area of a name that says nothing about as many words.
        others: with the names of some other neurons, from which the null is made.
    """

    auc: Float[Tensor, " d_mlp"]
    null: Float[Tensor, " d_mlp"]
    error: Float[Tensor, " d_mlp"]
    others: Float[Tensor, "n_others d_mlp"]

    @property
    def holds(self) -> Bool[Tensor, " d_mlp"]:
        """Whether each name holds: see :func:`name_fidelity`."""
        return self._hold(self.auc)

    @property
    def others_hold(self) -> Float[Tensor, " d_mlp"]:
        """The share of the other neurons' names that would hold just as well."""
        return self._hold(self.others).float().where(self.others.isfinite(), torch.nan).nanmean(0)

    def _hold(self, auc: Tensor) -> Tensor:
        return (auc >= LEAST_AUC) & (auc - 1.96 * self.error > self.null)

    @classmethod
    def mean(cls, found: list[NameFidelity]) -> NameFidelity:
        """Return the mean over naming on one half and testing on the other, and the other way round."""
        names = ("auc", "null", "error", "others")
        return cls(**{name: torch.stack([getattr(one, name) for one in found]).nanmean(0) for name in names})


def name_fidelity(
    naming: Float[Tensor, "n_types d_mlp"],
    testing: Float[Tensor, "n_types d_mlp"],
    vectors: Float[Tensor, "n_types d_embed"],
    *,
    k: int = N_WORDS,
    share: float = SHARE,
    n_others: int = N_OTHERS,
) -> NameFidelity:
    r"""Name each neuron on some texts, and test on others whether the name tells the words that it is active at.

    .. math:: AUC_n = P\big(s_{nt} > s_{nu} \mid t \in A_n,\ u \notin A_n\big) + \tfrac12 P(s_{nt} = s_{nu} \mid \ldots)

    .. math:: s_{nt} = \cos\Big(v_t, \sum_{w \in W_n} \hat v_w\Big)

    The name :math:`W_n` are the k words of largest mean activation on the texts for naming. The neuron is active at
    :math:`A_n`, the words whose mean activation on the texts for testing is more than a quarter of its largest there.
    The words of the name itself take no part in the test. Range [0, 1]; 1 where every word it is active at is closer to
    the name than any other; 1/2 for a name that says nothing. The null gives neuron n the names of other neurons
    (neither name's words take part): above 1/2 where all neurons of a layer answer to words of one kind.

    A name **holds** where its area is 0.7 or more, and more than 1.96 standard errors above the null:
    :math:`\sqrt{(|A_n| + |B_n| + 1) / (12 |A_n| |B_n|)}`, with :math:`B_n` the words it is not active at.

    Args:
        naming: mean activation by word on the texts for naming; NaN for a word that is too rare in them.
        testing: the same on other texts.
        vectors: of the words, which no training should have seen; NaN for a word without one.
        k: words of a name.
        share: of the largest mean activation, above which a neuron counts as active.
        n_others: how many other neurons' names make up the null.

    Returns:
        Areas, null and standard errors; undefined (NaN) for a neuron without a name whose words have vectors, and where
        it is active at no other word, or at all. The null is undefined where no other neuron has a name.

    Source: detection scoring (Paulo et al. 2024, arXiv 2410.13928), with closeness of word vectors as the judge.

    >>> vectors = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 3)
    >>> active = torch.tensor([[3.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0], [0.0, 3.0]])
    >>> found = name_fidelity(active, active, vectors, k=1)
    >>> found.auc.tolist(), found.null.tolist()
    ([1.0, 1.0], [0.0, 0.0])
    """
    unit, known = unit_rows(vectors)
    unit = unit.where(known.unsqueeze(1), 0.0)
    words, strength = _names(naming, k)
    centre = torch.nn.functional.normalize((unit[words] * (strength > 0).unsqueeze(2)).sum(1), dim=1)
    who = (centre.norm(dim=1) > 0.5).nonzero().squeeze(1)  # the others have no name that can be tested
    usable = known & testing[:, who].isfinite().all(1)
    if not usable.any():
        nothing = torch.full((naming.shape[1],), torch.nan)
        return NameFidelity(nothing, nothing, nothing, nothing.expand(n_others, -1))
    active = by_neurons(functools.partial(_active, share=share), testing[usable][:, who]).T.contiguous()
    column = torch.full_like(usable, -1, dtype=torch.long)  # of each word among the usable ones
    column[usable] = torch.arange(int(usable.sum()), device=column.device)
    named = column[words[who]].where(strength[who] > 0, -1)
    areas, error = _areas(centre[who], unit[usable], named, active, n_others)
    own, others = areas[0], areas[1:]
    error = error.where(own.isfinite(), torch.nan)

    def spread(values: Tensor) -> Tensor:
        whole = values.new_full((*values.shape[:-1], naming.shape[1]), torch.nan)
        whole[..., who] = values
        return whole.float()

    return NameFidelity(spread(own), spread(others.nanmean(0)), spread(error), spread(others))


class _Places:
    """The words in the order of their closeness to each name, and the mean place of words that are equally close."""

    def __init__(self, closeness: Int[Tensor, "n n_usable"]) -> None:
        self.closeness = closeness
        on_cpu = torch.from_numpy(np.argsort(closeness.cpu().numpy(), axis=1))  # far faster than PyTorch's
        self.order = on_cpu.to(closeness.device)
        self.ordered = closeness.gather(1, self.order)
        place = torch.arange(closeness.shape[1], device=closeness.device, dtype=torch.int32)
        new = self.ordered.diff(dim=1) != 0
        first = place.where(torch.nn.functional.pad(new, (1, 0), value=True), 0).cummax(1).values
        last = (
            place.where(torch.nn.functional.pad(new, (0, 1), value=True), len(place)).flip(1).cummin(1).values.flip(1)
        )
        self.mean = (first + last).float() / 2


def _names(means: Float[Tensor, "n_types d_mlp"], k: int) -> tuple[Int[Tensor, "d_mlp k"], Float[Tensor, "d_mlp k"]]:
    """Return the words of each neuron, and how active it is at them; words at which it is silent are none."""
    found = [part.nan_to_num(0.0).topk(min(k, len(part)), dim=0) for part in means.split(AT_ONCE, dim=1)]
    return torch.cat([one.indices for one in found], 1).T, torch.cat([one.values for one in found], 1).T


def _areas(
    centre: Float[Tensor, "n d_embed"],
    unit: Float[Tensor, "n_usable d_embed"],
    named: Int[Tensor, "n k"],
    active: Bool[Tensor, "n n_usable"],
    n_others: int,
) -> tuple[Float[Tensor, "n_others_and_1 n"], Float[Tensor, " n"]]:
    """Return the areas with each neuron's own name and with those of others, and the standard errors of the first."""
    n = len(centre)
    offsets = [1 + i * (n - 1) // n_others for i in range(n_others)] if n > n_others else list(range(1, n))
    areas = unit.new_full((1 + n_others, n), torch.nan)
    error = unit.new_empty(n)
    for names in torch.arange(n, device=centre.device).split(AT_ONCE):
        places = _Places((centre[names] @ unit.T * STEPS).round().int())
        for row, offset in enumerate([0, *offsets]):
            neurons = (names - offset) % n
            words = torch.cat([named[neurons], named[names]], 1)
            areas[row, neurons], n_active, n_rest = _auc(places, words, active[neurons])
            if not offset:
                error[names] = ((n_active + n_rest + 1) / (12 * n_active * n_rest)).sqrt()
    return areas, error


def _active(means: Float[Tensor, "n_usable n"], share: float) -> Bool[Tensor, "n_usable n"]:
    exact = means.double()
    return (exact > share * exact.amax(0)) & (exact > 0)


def _auc(
    places: _Places, words: Int[Tensor, "n k"], active: Bool[Tensor, "n n_usable"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return the areas of names tested on neurons, and how many words these are active at and not.

    The places of active words, summed, count the pairs that they win, those against each other, and those against the
    words of both names, which are taken off.
    """
    untested = _once(words)
    is_word = untested >= 0
    columns = untested.clamp_min(0)
    n_rest = (~active).sum(1) - (~active.gather(1, columns) & is_word).sum(1)
    tested = torch.nn.functional.pad(active, (0, 1)).scatter(1, untested.where(is_word, active.shape[1]), False)[:, :-1]
    positive = tested.gather(1, places.order)
    below = torch.nn.functional.pad(positive.cumsum(1, dtype=torch.int32), (1, 0))
    n_active = below[:, -1].double()
    closeness = places.closeness.gather(1, columns)
    ends = [torch.searchsorted(places.ordered, closeness, right=right) for right in (False, True)]
    above = n_active.unsqueeze(1) - sum(below.gather(1, end).double() for end in ends) / 2
    beaten = (positive * places.mean).sum(1, dtype=torch.float64) - n_active * (n_active - 1) / 2
    beaten -= (above * is_word).sum(1)
    return beaten / (n_active * n_rest), n_active, n_rest.double()


def _once(words: Int[Tensor, "n k"]) -> Int[Tensor, "n k"]:
    """Return rows of words with -1 in place of all but the first of equal ones."""
    words = words.sort(1).values
    return words.where(torch.nn.functional.pad(words.diff(dim=1) != 0, (1, 0), value=True), -1)
