"""The terms of the penalty as loops over plain numbers, from the equations in section 4 of the design.

Every function takes nested lists of one number each (``tensor.tolist()``) and returns a float, or lists of them.
"""

from __future__ import annotations

import math


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def norm(a):
    return math.sqrt(dot(a, a))


def cosine(a, b):
    """o_ij; a silent token shares neurons with no one."""
    length = norm(a) * norm(b)
    return dot(a, b) / length if length > 0 else 0.0


def real(mask_row):
    return [i for i, is_real in enumerate(mask_row) if is_real]


def pairs(mask_row):
    """All (i, j) of two different real tokens."""
    return [(i, j) for i in real(mask_row) for j in real(mask_row) if i != j]


def attention_correlation(pattern, mask, threshold=2.0):
    """C_ij = relu(lift_ij - tau), scaled to [0, 1] per sentence; lift_ij = n_real (A_ij + A_ji) / 2."""
    found = []
    for heads, mask_row in zip(pattern, mask, strict=True):
        n_pos, n_real = len(mask_row), len(real(mask_row))
        excess = [[0.0] * n_pos for _ in range(n_pos)]
        for i, j in pairs(mask_row):
            there = sum(head[i][j] for head in heads) / len(heads)
            back = sum(head[j][i] for head in heads) / len(heads)
            excess[i][j] = max(0.0, n_real * (there + back) / 2 - threshold)
        largest = max(max(row) for row in excess)
        found.append([[x / largest if largest > 0 else 0.0 for x in row] for row in excess])
    return found


def neuron_importance(neurons, importance, correlation, mask, l1_ratio=1.0):
    """L_imp = sum_i q_i [s_i + l1_ratio ||h_i||_1 / (sqrt(d_mlp) ||h_i||_2)] / sum_i q_i."""
    above = below = 0.0
    for h, q, c, mask_row in zip(neurons, importance, correlation, mask, strict=True):
        for i in real(mask_row):
            others = [j for j in real(mask_row) if j != i]
            weight = sum(1 - c[i][j] for j in others)
            squares = sum((1 - c[i][j]) * cosine(h[i], h[j]) ** 2 for j in others)
            shared = squares / weight if weight > 0 else 0.0
            length = norm(h[i])
            sparsity = sum(abs(x) for x in h[i]) / (math.sqrt(len(h[i])) * length) if length > 0 else 0.0
            above += q[i] * (shared + l1_ratio * sparsity)
            below += q[i]
    return above / below if below > 0 else 0.0


def neuron_interaction(neurons, importance, correlation, mask):
    """L_inter = sum_ij w_ij (1 - o_ij) / sum_ij w_ij with w_ij = C_ij q_i q_j."""
    above = below = 0.0
    for h, q, c, mask_row in zip(neurons, importance, correlation, mask, strict=True):
        for i, j in pairs(mask_row):
            weight = c[i][j] * q[i] * q[j]
            above += weight * (1 - cosine(h[i], h[j]))
            below += weight
    return above / below if below > 0 else 0.0


def embedding_importance(embed):
    """mean_i poly_i, poly_i = ||(x^_i . x_j)_{j != i}||_2 / sqrt(d_model), x^ = x / (1e-5 + ||x||); no padding."""
    polys = []
    for text in embed:
        for i, x in enumerate(text):
            unit = [value / (1e-5 + norm(x)) for value in x]
            dots = [dot(unit, other) for j, other in enumerate(text) if j != i]
            polys.append(norm(dots) / math.sqrt(len(x)))
    return sum(polys) / len(polys)


def embedding_interaction(pattern):
    """mean_{b,h,i,j} A_ij (1 - I_ij), I = offdiag(A A^T) per head; no padding."""
    found = []
    for heads in pattern:
        for a in heads:
            for i in range(len(a)):
                for j in range(len(a)):
                    similarity = dot(a[i], a[j]) if i != j else 0.0
                    found.append(a[i][j] * (1 - similarity))
    return sum(found) / len(found)


def information(importance, mask):
    """mean_i (q log q + (1 - q) log (1 - q))."""

    def xlogx(x):
        return x * math.log(x) if x > 0 else 0.0

    found = [
        xlogx(q[i]) + xlogx(1 - q[i]) for q, mask_row in zip(importance, mask, strict=True) for i in real(mask_row)
    ]
    return sum(found) / len(found)


def word_correlation(tokens, vectors, mask, threshold=0.5):
    """T_ij = relu(cos(v_i, v_j) - tau) / (1 - tau); a word without a vector is related to none."""

    def known(vector):
        return all(math.isfinite(x) for x in vector) and norm(vector) > 0

    found = []
    for ids, mask_row in zip(tokens, mask, strict=True):
        related = [[0.0] * len(ids) for _ in ids]
        for i, j in pairs(mask_row):
            a, b = vectors[ids[i]], vectors[ids[j]]
            if known(a) and known(b):
                related[i][j] = max(0.0, cosine(a, b) - threshold) / (1 - threshold)
        found.append(related)
    return found


def activation_l1(neurons, mask):
    """sum_i ||h_i||_1 / (N d_mlp)."""
    kept = [h[i] for h, mask_row in zip(neurons, mask, strict=True) for i in real(mask_row)]
    return sum(abs(x) for h in kept for x in h) / (len(kept) * len(kept[0]))


def monosemanticity_loss(neurons, vectors, mask):
    """1 - mean_n MS_n over all pairs of two different real tokens with a vector, ã scaled to [0, 1] for each neuron."""
    rows = []
    for h, e, mask_row in zip(neurons, vectors, mask, strict=True):
        rows += [(h[i], e[i]) for i in real(mask_row) if all(math.isfinite(x) for x in e[i]) and norm(e[i]) > 0]
    scores = []
    for n in range(len(neurons[0][0])):
        values = [h[n] for h, _ in rows]
        if len(rows) < 2 or sum(value > min(values) for value in values) < 2:
            continue
        a = [(value - min(values)) / (max(values) - min(values)) for value in values]
        both = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        above = sum(a[i] * a[j] * cosine(rows[i][1], rows[j][1]) for i, j in both)
        scores.append(above / sum(a[i] * a[j] for i, j in both))
    return 1 - sum(scores) / len(scores) if scores else 1.0
