"""Faithfulness of token rankings as loops over plain numbers, from the equations."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import torch


def comprehensiveness(full, without):
    """Mean over the bins of p(full) - p(without the most important tokens), one value a text."""
    return [sum(p - q for q in bins) / len(bins) for p, bins in zip(full, without, strict=True)]


def sufficiency(full, only):
    """Mean over the bins of p(full) - p(the most important tokens alone), one value a text."""
    return [sum(p - q for q in bins) / len(bins) for p, bins in zip(full, only, strict=True)]


def aopc(full, curves):
    """Mean over the steps of f(full) - f(after the step), one value a text; the curves have lengths of their own."""
    return [sum(f - g for g in curve) / len(curve) for f, curve in zip(full, curves, strict=True)]


def bin_size(n_tokens, share):
    """Smallest whole number of tokens that is at least the share, a decimal number, of the text."""
    return math.ceil(Fraction(str(share)) * n_tokens)


def aopc_of_order(drop, order):
    """Mean of drop(set of the first k positions) over k = 1..N."""
    return sum(drop(frozenset(order[:k])) for k in range(1, len(order) + 1)) / len(order)


def worst_and_best_aopc(drop, n_tokens):
    """Smallest and largest AOPC over all orders."""
    found = [aopc_of_order(drop, order) for order in itertools.permutations(range(n_tokens))]
    return min(found), max(found)


def measures(probability, n_tokens, order, bins):
    """Comprehensiveness, sufficiency and AOPC of an order; ``probability`` takes the set of positions deleted."""
    full = probability(frozenset())
    everything = set(range(n_tokens))
    sizes = [bin_size(n_tokens, share) for share in bins]
    without = [probability(frozenset(order[:size])) for size in sizes]
    only = [probability(frozenset(everything - set(order[:size]))) for size in sizes]
    curve = [probability(frozenset(order[:k])) for k in range(1, n_tokens + 1)]
    return comprehensiveness([full], [without])[0], sufficiency([full], [only])[0], aopc([full], [curve])[0]


def probabilities_without(model, text, deleted, operator):
    """Class probabilities of one text without the positions ``deleted``, one forward pass."""
    ids = model.to_tokens(text)[0][0].tolist()
    gate = torch.tensor([[float(i not in deleted) for i in range(len(ids))]])
    hooks = [("hook_mask", lambda value, hook: value * gate)] if operator == "gate" else []
    if operator == "remove":
        ids = [token for i, token in enumerate(ids) if i not in deleted]
    if operator == "unk":
        ids = [1 if i in deleted else token for i, token in enumerate(ids)]
    if not ids:
        return [1 / len(model.labels)] * len(model.labels)
    tokens = torch.tensor([ids])
    with torch.no_grad(), model.hooks(fwd_hooks=hooks):
        logits = model(tokens, torch.ones_like(tokens, dtype=torch.bool)).logits[0].tolist()
    return [math.exp(logit) / sum(map(math.exp, logits)) for logit in logits]
