"""Example texts for a report, chosen by rules and not by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from safr_lens.analysis import Analysis
from safr_lens.models.classifier import HookedClassifier

NEGATION = {"not", "n't", "never", "no", "nothing", "neither", "nor", "hardly", "without"}
SHORTEST, LONGEST = 6, 40
MOST_CLASSES = 4


@dataclass(frozen=True)
class SelectedText:
    """A text, its class, and the rule by which it was chosen."""

    text: str
    label: str
    rule: str


def select_examples(
    model: HookedClassifier, data: Iterable[Mapping[str, Any]], analyses: list[Analysis]
) -> list[SelectedText]:
    """Choose texts of 6 to 40 tokens: confident right and wrong ones, negation, and where two models disagree.

    ``analyses`` are those of the baseline, if there is one, and of the model, over the same data.
    """
    corpus, columns = analyses[-1].statistics.corpus, analyses[-1].statistics.texts.columns
    if not corpus.labelled:
        return [SelectedText(row["text"], "", "the first texts") for row, _ in zip(data, range(4), strict=False)]
    fitting = (columns["tokens"] >= SHORTEST) & (columns["tokens"] <= LONGEST)
    right = columns["correct"] == 1
    chosen: dict[int, str] = {}

    def choose(candidates: Tensor, order: Tensor, rule: str) -> None:
        numbers = [n for n in candidates.nonzero().flatten().tolist() if n not in chosen]
        if numbers:
            chosen[min(numbers, key=lambda n: order[n].item())] = rule

    loss, place = columns["loss"], torch.arange(len(right))
    for label in range(min(len(model.labels), MOST_CLASSES)):
        of_class = fitting & (corpus.labels == label)
        choose(of_class & right, loss, f"the most confident right answer among those labelled {model.labels[label]}")
    for label in range(min(len(model.labels), MOST_CLASSES)):
        of_class = fitting & (corpus.labels == label)
        choose(of_class & ~right, -loss, f"the most confident wrong answer among those labelled {model.labels[label]}")
    negated = fitting & _negated(data, len(right))
    choose(negated & right, place, "the first text with a negation, of those answered right")
    choose(negated & ~right, place, "the first text with a negation, of those answered wrong")
    if len(analyses) > 1:
        before = analyses[0].statistics.texts.columns["correct"] == 1
        choose(fitting & right & ~before, place, "the first text that this model answers right and the baseline wrong")
        choose(fitting & ~right & before, place, "the first text that this model answers wrong and the baseline right")
    rows = {number: row for number, row in enumerate(data) if number in chosen}
    labels = corpus.labels.tolist()
    return [SelectedText(rows[n]["text"], model.labels[labels[n]], rule) for n, rule in chosen.items()]


def _negated(data: Iterable[Mapping[str, Any]], n_texts: int) -> Tensor:
    negated = torch.zeros(n_texts, dtype=torch.bool)
    for number, row in enumerate(data):
        negated[number] = bool(NEGATION & set(row["text"].lower().replace("n't", " n't").split()))
    return negated
