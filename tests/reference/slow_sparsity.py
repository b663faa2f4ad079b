"""Measures of sparsity of one list of numbers, from their equations."""

from __future__ import annotations

import math


def hoyer(values):
    """(sqrt(n) - L1 / L2) / (sqrt(n) - 1); NaN for zeros."""
    root = math.sqrt(len(values))
    l2 = math.sqrt(sum(value**2 for value in values))
    return (root - sum(abs(value) for value in values) / l2) / (root - 1) if l2 else math.nan


def gini(values):
    """Half the mean absolute difference of all ordered pairs of magnitudes, over their mean; NaN for zeros."""
    sizes = [abs(value) for value in values]
    mean = sum(sizes) / len(sizes)
    difference = sum(abs(a - b) for a in sizes for b in sizes) / len(sizes) ** 2
    return difference / (2 * mean) if mean else math.nan


def l0(values, threshold):
    """Share of magnitudes above the threshold."""
    return sum(abs(value) > threshold for value in values) / len(values)


def kurtosis(values):
    """Fourth central moment over the square of the second, minus 3; NaN for equal values."""
    mean = sum(values) / len(values)
    second = sum((value - mean) ** 2 for value in values) / len(values)
    fourth = sum((value - mean) ** 4 for value in values) / len(values)
    return fourth / second**2 - 3 if max(values) > min(values) else math.nan
