"""What is known about the faithfulness of scores, text by text, beside random rankings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

MEASURES = ("comprehensiveness", "sufficiency", "aopc", "naopc")
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class RankingValues:
    """The measures of a ranking, one value a text, in the order of the data.

    Attributes:
        comprehensiveness: see :func:`comprehensiveness`; higher is more faithful.
        sufficiency: see :func:`sufficiency`; lower is more faithful.
        aopc: see :func:`aopc`; higher is more faithful, and not comparable across models.
        naopc: see :func:`normalised_aopc`; higher is more faithful, of the first texts alone, NaN where undefined.
    """

    comprehensiveness: Float[Tensor, " n_texts"]
    sufficiency: Float[Tensor, " n_texts"]
    aopc: Float[Tensor, " n_texts"]
    naopc: Float[Tensor, " n_naopc_texts"]

    def mean(self, measure: str) -> float:
        """Return the mean over the texts where a measure is defined; NaN where it is for none."""
        return getattr(self, measure).nanmean().item()

    def n_undefined(self, measure: str) -> int:
        """Return for how many texts a measure is NaN."""
        return int(getattr(self, measure).isnan().sum())


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How faithful scores of tokens are, and random rankings of the same texts.

    Attributes:
        tested: the values of the scores' ranking.
        random: those of random rankings, the mean of ``n_random`` for each text.
        full: probability of the predicted class on the full text.
        lower, upper: AOPC of the worst and the best order of each text that has a ``naopc``.
        exact: whether all orders were considered; elsewhere a beam search.
        scores: name of the scores.
        operator: what deleting a token is.
        bins: shares of the tokens behind comprehensiveness and sufficiency.
        n_random: random rankings of each text.
        beam: width of the beam search.
        seed: of the random rankings and of ties.
        n_cut: texts that were longer than the context and were cut.
    """

    tested: RankingValues
    random: RankingValues
    full: Float[Tensor, " n_texts"]
    lower: Float[Tensor, " n_naopc_texts"]
    upper: Float[Tensor, " n_naopc_texts"]
    exact: Bool[Tensor, " n_naopc_texts"]
    scores: str
    operator: str
    bins: tuple[float, ...]
    n_random: int
    beam: int
    seed: int
    n_cut: int

    @property
    def n_beyond_bounds(self) -> int:
        """How many tested rankings are better or worse than all orders that the beam search found."""
        naopc = self.tested.naopc
        return int(((naopc < -ROUNDING) | (naopc > 1 + ROUNDING)).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return means, counts and settings as JSON holds them; a mean over no text is NaN."""
        means = {
            measure: {
                "tested": self.tested.mean(measure),
                "random": self.random.mean(measure),
                "n_texts": len(getattr(self.tested, measure)),
                "n_undefined": self.tested.n_undefined(measure),
            }
            for measure in MEASURES
        }
        means["naopc"] |= {"n_exact": int(self.exact.sum()), "n_beyond_bounds": self.n_beyond_bounds}
        return {
            **means,
            "scores": self.scores,
            "operator": self.operator,
            "bins": list(self.bins),
            "n_random": self.n_random,
            "beam": self.beam,
            "seed": self.seed,
            "n_cut": self.n_cut,
        }
