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
