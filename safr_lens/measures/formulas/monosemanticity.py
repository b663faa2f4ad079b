"""Whether what a neuron fires on is alike."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.measures.formulas.in_blocks import by_neurons
from safr_lens.word_vectors.vectors import unit_rows

SILENT = 1e-9
"""A share of a neuron's range too small to count as firing: rounding alone could make it."""


def monosemanticity_score(
    activations: Float[Tensor, "n d_mlp"], embeddings: Float[Tensor, "n d_embed"]
) -> Float[Tensor, " d_mlp"]:
    r"""Mean cosine similarity between all pairs of rows, weighted by how strongly a neuron fires at both.

    .. math::

        MS_n = \frac{\sum_{i \ne j} \tilde a_{in} \tilde a_{jn} \, \hat e_i \cdot \hat e_j}
                    {\sum_{i \ne j} \tilde a_{in} \tilde a_{jn}}, \qquad
        \tilde a_{in} = \frac{a_{in} - \min_i a_{in}}{\max_i a_{in} - \min_i a_{in}}, \qquad
        \hat e_i = \frac{e_i}{\|e_i\|}

    Range [-1, 1]; higher for a neuron that fires on things alike, 1 where they all point the same way. A neuron that
    knows nothing of the embeddings has :func:`similarity_baseline` on average, however rarely it fires: report the
    difference. Word vectors that are not centred have a large baseline; centring them is up to the caller. A score of
    few firing rows scatters: 0.10 around the baseline with 2 rows, 0.02 with 10, 0.002 with 100 (standard deviation,
    for activations uniform in [0, 1] and the word vectors of 24,148 film reviews). Trust a single neuron from about 10
    firing rows on.

    **Give each thing one row** (a token type, an image). Over token occurrences, equal tokens pair with similarity 1,
    and the score says how often words repeat.

    Args:
        activations: one row a thing, one column a neuron.
        embeddings: what is known of each thing. A row that is zero or not finite is unknown and left out.

    Returns:
        One value a neuron; NaN for a constant one, for one with fewer than two rows above its minimum (by more than a
        billionth of its range), and for one that is not finite.

    Raises:
        ValueError: not the same number of rows in both.

    Source: Pach et al. 2025 (arXiv 2504.02821).

    >>> activations = torch.tensor([[1.0, 1.0, 7.0], [1.0, 0.0, 7.0], [0.0, 1.0, 7.0]])
    >>> monosemanticity_score(activations, torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 0., nan])
    """
    _check_rows(activations, embeddings)
    unit, known = unit_rows(embeddings)
    unit = unit[known]

    def score(part: Float[Tensor, "n d_part"]) -> Float[Tensor, " d_part"]:
        rows = part[known].double()
        low, largest, second = range_of(rows)
        weights = rows.sub_(low).div_(largest - low)
        mean = pair_mean(weights.T @ unit, weights.sum(0), weights.square().sum(0))
        return where_two_fire(mean, low, largest, second)

    return by_neurons(score, activations).to(activations.dtype)


def similarity_baseline(embeddings: Float[Tensor, "n d_embed"]) -> Float[Tensor, ""]:
    r"""Mean cosine similarity between all pairs of rows: the expected score of a neuron whose rows are shuffled.

    .. math:: \frac{1}{N (N - 1)} \sum_{i \ne j} \hat e_i \cdot \hat e_j

    Range [-1, 1]; near 0 for centred or random embeddings. Exact, so any two rows will do.

    Args:
        embeddings: as for :func:`monosemanticity_score`; unknown rows are left out.

    Returns:
        One value; NaN for fewer than two known rows.

    >>> similarity_baseline(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    tensor(0.3333)
    """
    unit, known = unit_rows(embeddings)
    n = known.sum().double()
    return pair_mean(unit[known].sum(0), n, n).to(embeddings.dtype)


def known_rows(
    activations: Float[Tensor, "n d_mlp"], embeddings: Float[Tensor, "n d_embed"]
) -> tuple[Float[Tensor, "n_known d_mlp"], Float[Tensor, "n_known d_embed"]]:
    """Return activations and unit embeddings of the rows whose embedding is known, in double precision."""
    _check_rows(activations, embeddings)
    unit, known = unit_rows(embeddings)
    return activations[known].double(), unit[known]


def _check_rows(activations: Tensor, embeddings: Tensor) -> None:
    if activations.ndim != 2 or embeddings.ndim != 2 or len(activations) != len(embeddings):
        raise ValueError(
            "The monosemanticity score needs as many rows of activations [n d_mlp] as of embeddings [n d_embed]; "
            f"got {list(activations.shape)} and {list(embeddings.shape)}."
        )


def range_of(rows: Float[Tensor, "n d_mlp"]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the smallest, the largest and the second largest value of each column (infinite where there is none)."""
    infinite = rows.new_full((2, rows.shape[1]), torch.inf)
    low = torch.cat([rows, infinite]).amin(0)
    padded = torch.cat([rows, -infinite])
    largest, where = padded.max(0)
    return low, largest, padded.scatter(0, where.unsqueeze(0), -torch.inf).amax(0)


def pair_mean(
    weighted: Float[Tensor, "*d_mlp d_embed"], total: Float[Tensor, "*d_mlp"], squares: Float[Tensor, "*d_mlp"]
) -> Float[Tensor, "*d_mlp"]:
    """Return the weighted mean cosine over pairs of different rows, from sums over single rows.

    Args:
        weighted: the sum of the unit rows, each times its weight.
        total: the sum of the weights.
        squares: the sum of their squares.
    """
    pairs = total.square() - squares
    mean = (weighted.square().sum(-1) - squares) / pairs
    return mean.clamp(-1, 1).where(pairs > 0, torch.nan)


def where_two_fire(
    score: Float[Tensor, " d_mlp"],
    low: Float[Tensor, " d_mlp"],
    largest: Float[Tensor, " d_mlp"],
    second: Float[Tensor, " d_mlp"],
) -> Float[Tensor, " d_mlp"]:
    """Return NaN in place of the score of a neuron that fires at fewer than two rows."""
    return score.where(second - low > SILENT * (largest - low), torch.nan)
