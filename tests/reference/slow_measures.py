"""The measures as loops over plain numbers, from the table in section 6 of the design."""

from __future__ import annotations

import math


def capacity(features):
    """||w_i||^4 / sum_j (w_i . w_j)^2; NaN for a zero vector."""

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    found = []
    for w in features:
        below = sum(dot(w, other) ** 2 for other in features)
        found.append(dot(w, w) ** 2 / below if below > 0 else math.nan)
    return found


def token_selectivity(type_means):
    """1 - H(mean activation by token type) / log V, one value a neuron; NaN for a neuron that never fires."""
    found = []
    for n in range(len(type_means[0])):
        means = [row[n] for row in type_means]
        total = sum(means)
        if total == 0:
            found.append(math.nan)
            continue
        entropy = -sum(mean / total * math.log(mean / total) for mean in means if mean > 0)
        found.append(1 - entropy / math.log(len(means)))
    return found


def type_means(tokens, neurons, min_count):
    """Mean row of ``neurons`` for each token type that occurs at least ``min_count`` times, types in order."""
    found = {}
    for kind in sorted(set(tokens)):
        rows = [row for token, row in zip(tokens, neurons, strict=True) if token == kind]
        if len(rows) >= min_count:
            found[kind] = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return found


def nan_mean(values):
    """Mean of the values that are numbers."""
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers)


def neurons_for_half(evidence):
    """The fewest neurons, the strongest first, until they have half of the absolute evidence of one token."""
    total, found = sum(abs(e) for e in evidence), 0.0
    if total == 0:
        return 0
    for count, size in enumerate(sorted((abs(e) for e in evidence), reverse=True), start=1):
        found += size
        if found >= total / 2:
            return count


def contrasted(writes, predicted):
    """What each neuron writes to the predicted class less the mean of what it writes to the others."""
    others = [c for c in range(len(writes[0])) if c != predicted]
    return [row[predicted] - sum(row[c] for c in others) / len(others) for row in writes]
