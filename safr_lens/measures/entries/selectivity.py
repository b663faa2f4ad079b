"""Class and token selectivity of neurons."""

from __future__ import annotations

from safr_lens.measures.formulas.class_selectivity import class_selectivity
from safr_lens.measures.formulas.token_selectivity import token_selectivity
from safr_lens.measures.measurement import Inputs
from safr_lens.measures.registry import Measure, register_measure
from safr_lens.measures.scores import Scorer, Scores


def class_scores(inputs: Inputs) -> Scorer | None:
    """Return class selectivity, with labels shuffled among texts as its null; None without labels."""
    statistics = inputs.statistics
    classes = statistics.classes
    if classes is None:
        return None

    def scores(without: int | None) -> Scores:
        means = classes.means(without=without)
        present = ~means.isnan().any(dim=2).any(dim=0)
        if int(present.sum()) < 2:
            return Scores.undefined(statistics)
        measured, *permuted = [class_selectivity(one[present].float()) for one in means]
        return Scores.against_null(measured, permuted)

    return scores


def token_scores(inputs: Inputs) -> Scorer:
    """Return token selectivity, with types shuffled among tokens as its null."""
    statistics = inputs.statistics

    def scores(without: int | None) -> Scores:
        means = statistics.types.means(without=without, null=False)
        if len(means.types) < 2:
            return Scores.undefined(statistics)
        return Scores.against_null(
            token_selectivity(means.means), [token_selectivity(one) for one in statistics.types.nulls(without=without)]
        )

    return scores


register_measure(
    Measure(
        "class_selectivity",
        title="class selectivity",
        meaning="0 to 1: 1 for a neuron that fires in texts of one class only. Rare firing alone raises it: judge it "
        "above its null (labels shuffled).",
        better="higher",
        scores=class_scores,
        formula="class_selectivity",
        range="[0, 1]",
        null="labels permuted among texts: 0.02 to 0.7, higher for sparser neurons",
        interval="jackknife over groups of texts",
        caution="activity in few texts",
        order=60,
    )
)
register_measure(
    Measure(
        "token_selectivity",
        title="token selectivity",
        meaning="0 to 1: 1 for a neuron of one token type. Rare firing alone raises it: judge it above its null (types "
        "shuffled).",
        better="higher",
        scores=token_scores,
        formula="token_selectivity",
        range="[0, 1]",
        null="token types permuted among tokens: 0.02 to 0.7, higher for sparser neurons",
        interval="jackknife over groups of texts",
        caution="sparse firing",
        short="token sel. above null",
        tile=True,
        order=50,
    )
)
