"""Monosemanticity, class selectivity and word counts as loops over plain numbers, from their equations."""

from __future__ import annotations

import math


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def _unit(vector):
    length = math.sqrt(_dot(vector, vector))
    return [x / length for x in vector]


def monosemanticity(activations, embeddings):
    """sum_{i != j} a_i a_j cos(e_i, e_j) / sum_{i != j} a_i a_j with a scaled to [0, 1]; rows all known."""
    units = [_unit(vector) for vector in embeddings]
    found = []
    for n in range(len(activations[0])):
        column = [row[n] for row in activations]
        low, high = min(column), max(column)
        if sum(a > low for a in column) < 2:
            found.append(math.nan)
            continue
        scaled = [(a - low) / (high - low) for a in column]
        above = below = 0.0
        for i in range(len(column)):
            for j in range(len(column)):
                if i != j:
                    above += scaled[i] * scaled[j] * _dot(units[i], units[j])
                    below += scaled[i] * scaled[j]
        found.append(above / below)
    return found


def similarity_baseline(embeddings):
    """Mean cosine over ordered pairs of different rows."""
    units = [_unit(vector) for vector in embeddings]
    n = len(units)
    return sum(_dot(units[i], units[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))


def class_selectivity(class_means):
    """(max - mean of the others) / (max + mean of the others), one value a neuron."""
    found = []
    for n in range(len(class_means[0])):
        means = [max(row[n], 0.0) for row in class_means]
        best = means.index(max(means))
        others = [mean for c, mean in enumerate(means) if c != best]
        rest = sum(others) / len(others)
        found.append((means[best] - rest) / (means[best] + rest) if means[best] > 0 else math.nan)
    return found


def cooccurrence(texts, n_words, window):
    """How often word w stands at most ``window`` places from word c; negative words are not counted."""
    counts = [[0] * n_words for _ in range(n_words)]
    for text in texts:
        for i, word in enumerate(text):
            for j, other in enumerate(text):
                if i != j and abs(i - j) <= window and word >= 0 and other >= 0:
                    counts[word][other] += 1
    return counts


def positive_pmi(counts, smoothing):
    """max(0, log(P(w, c) / (P(w) P_alpha(c)))), 0 for a pair never seen."""
    n = len(counts)
    total = sum(map(sum, counts))
    words = [sum(row) for row in counts]
    contexts = [sum(counts[w][c] for w in range(n)) ** smoothing for c in range(n)]
    table = [[0.0] * n for _ in range(n)]
    for w in range(n):
        for c in range(n):
            if counts[w][c]:
                chance = words[w] / total * contexts[c] / sum(contexts)
                table[w][c] = max(0.0, math.log(counts[w][c] / total / chance))
    return table
