"""Areas under curves, F1, shared neurons and strongest texts as loops over plain numbers."""

from __future__ import annotations

import math


def auc(scores, labels):
    """The share of pairs of a positive and another sample in which the positive scores higher; ties count half."""
    wins, pairs = 0.0, 0
    for score, label in zip(scores, labels, strict=True):
        for other, other_label in zip(scores, labels, strict=True):
            if label and not other_label:
                pairs += 1
                wins += 1.0 if score > other else 0.5 if score == other else 0.0
    return wins / pairs if pairs else math.nan


def f1(called, labels):
    """The harmonic mean of precision and recall; 0 where no positive is called."""
    hits = sum(a and b for a, b in zip(called, labels, strict=True))
    if not hits:
        return 0.0
    precision, recall = hits / sum(called), hits / sum(labels)
    return 2 * precision * recall / (precision + recall)


def best_f1(scores, labels):
    """The highest F1 that any threshold gives."""
    return max(f1([score > cut for score in scores], labels) for cut in [*scores, -math.inf])


def overlap_terms(first, second):
    """h_i h_j / (||h_i|| ||h_j||) of each neuron."""
    lengths = [math.sqrt(sum(x * x for x in vector)) for vector in (first, second)]
    if not all(lengths):
        return [0.0] * len(first)
    return [a * b / (lengths[0] * lengths[1]) for a, b in zip(first, second, strict=True)]


def top_texts(texts, k):
    """(activation, text, position) of one neuron's first largest activation in each of its k strongest texts.

    ``texts`` holds (number, activations by position). Only activations above 0 count.
    """
    found = []
    for number, values in texts:
        position = values.index(max(values))
        if values[position] > 0:
            found.append((values[position], number, position))
    return sorted(found, key=lambda row: (-row[0], row[1]))[:k]
