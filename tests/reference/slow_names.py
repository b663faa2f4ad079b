"""Name fidelity as loops over neurons, names and pairs of words."""

from __future__ import annotations

import math


def cosine(a, b):
    size = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / size


def name(means, k):
    """The k words of largest mean activation above 0, as places; None stands for a word that is too rare."""
    known = [(value, place) for place, value in enumerate(means) if value is not None and value > 0]
    return [place for _, place in sorted(known, reverse=True)[:k]]


def centre(words, vectors):
    """The sum of the unit vectors of a name's words; None where none has a vector."""
    known = [vectors[word] for word in words if vectors[word] is not None]
    if not known:
        return None
    sizes = [math.sqrt(sum(x * x for x in vector)) for vector in known]
    return [sum(v[i] / s for v, s in zip(known, sizes, strict=True)) for i in range(len(known[0]))]


def auc(own_name, given_name, means, vectors, share):
    """How well a name tells the words at which a neuron is active; the words of both names take no part."""
    middle = centre(given_name, vectors)
    usable = [t for t, value in enumerate(means) if value is not None and vectors[t] is not None]
    if middle is None or not usable:
        return math.nan
    largest = max(means[t] for t in usable)
    tested = [t for t in usable if t not in own_name and t not in given_name]
    active = [t for t in tested if means[t] > share * largest and means[t] > 0]
    rest = [t for t in tested if t not in active]
    if not active or not rest:
        return math.nan
    close = {t: round(cosine(vectors[t], middle), 6) for t in tested}
    won = sum((close[a] > close[b]) + (close[a] == close[b]) / 2 for a in active for b in rest)
    return won / (len(active) * len(rest))


def fidelity(naming, testing, vectors, k, share):
    """The area with each neuron's own name, and with every other neuron's; rows are words, columns neurons."""
    columns = list(zip(*testing, strict=True))
    names = [name(column, k) for column in zip(*naming, strict=True)]
    own = [auc(names[n], names[n], columns[n], vectors, share) for n in range(len(names))]
    others = [
        [auc(names[n], names[m], columns[n], vectors, share) for m in range(len(names)) if m != n and names[m]]
        for n in range(len(names))
    ]
    return own, others
