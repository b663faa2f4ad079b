"""Monosemanticity score of neurons."""

from __future__ import annotations

from safr_lens.measures.formulas.monosemanticity import monosemanticity_score
from safr_lens.measures.measurement import Inputs
from safr_lens.measures.registry import Measure, register_measure
from safr_lens.measures.scores import Scorer, Scores

FEW_WORDS = (
    "the texts have too few frequent words to make word vectors from. Name a file of word vectors (--word-vectors; in "
    "Python: embeddings) or other texts (--word-vectors-from; in Python: vector_texts)."
)


def meaning_scores(inputs: Inputs) -> Scorer | None:
    """Return the monosemanticity score of the types' mean activations, with types shuffled among tokens as its null.

    One row a type, so that a word that stands often does not pair with itself. None without embeddings.
    """
    statistics, embeddings = inputs.statistics, inputs.embeddings
    if embeddings is None:
        return None

    def scores(without: int | None) -> Scores:
        means = statistics.types.means(without=without, null=False)
        rows = embeddings[means.types]
        if int(rows.isfinite().all(1).sum()) < 2:
            return Scores.undefined(statistics)
        permuted = [monosemanticity_score(one, rows) for one in statistics.types.nulls(without=without)]
        return Scores.against_null(monosemanticity_score(means.means, rows), permuted)

    return scores


register_measure(
    Measure(
        "monosemanticity",
        title="monosemanticity (MS)",
        meaning="-1 to 1: mean cosine of the word vectors of what a neuron fires on; judge it above its null (types "
        "shuffled).",
        better="higher",
        scores=meaning_scores,
        absent=lambda inputs: FEW_WORDS,
        digits=4,
        formula="monosemanticity_score",
        range="[-1, 1]",
        null="token types permuted among tokens",
        interval="jackknife over groups of texts",
        caution="responding to one frequent word; excluded by computing it over types, so no word pairs with itself",
        short="MS above null",
        tile=True,
        order=70,
    )
)
