"""Interference, ranks and coherence as loops over plain numbers, from their equations."""

from __future__ import annotations

import math


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def interference(features):
    """sum over j != i of (w_i . w_j)^2 / ||w_i||^2; NaN for a zero vector."""
    found = []
    for i, w in enumerate(features):
        length = math.sqrt(dot(w, w))
        if length == 0:
            found.append(math.nan)
            continue
        unit = [value / length for value in w]
        found.append(sum(dot(unit, other) ** 2 for j, other in enumerate(features) if j != i))
    return found


def centred(features):
    """The rows without their mean row."""
    mean = [sum(column) / len(features) for column in zip(*features, strict=True)]
    return [[value - middle for value, middle in zip(row, mean, strict=True)] for row in features]


def eigenvalues(features):
    """Eigenvalues of X^T X: rotate pairs of coordinates until every pair of columns is orthogonal (Jacobi)."""
    columns = [list(column) for column in zip(*features, strict=True)]
    for _ in range(60):
        for p in range(len(columns)):
            for q in range(p + 1, len(columns)):
                a, b = columns[p], columns[q]
                angle = math.atan2(2 * dot(a, b), dot(a, a) - dot(b, b)) / 2
                cos, sin = math.cos(angle), math.sin(angle)
                columns[p] = [cos * x + sin * y for x, y in zip(a, b, strict=True)]
                columns[q] = [cos * y - sin * x for x, y in zip(a, b, strict=True)]
    return [dot(column, column) for column in columns]


def effective_rank(eigenvalues):
    """exp of the entropy of the normalised singular values, the roots of these eigenvalues."""
    roots = [math.sqrt(value) for value in eigenvalues]
    shares = [root / sum(roots) for root in roots]
    return math.exp(-sum(share * math.log(share) for share in shares if share > 0))


def participation_ratio(eigenvalues):
    """(sum of eigenvalues)^2 / sum of their squares."""
    return sum(eigenvalues) ** 2 / sum(value**2 for value in eigenvalues)


def absolute_cosines(features):
    """|cos| of every pair of different features that are not zero, in ascending order."""
    defined = [w for w in features if any(w)]
    return sorted(
        abs(dot(a, b)) / math.sqrt(dot(a, a) * dot(b, b)) for i, a in enumerate(defined) for b in defined[i + 1 :]
    )


def quantile(ordered, level):
    """The value at a level of ascending values, linear between neighbours."""
    place = level * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
