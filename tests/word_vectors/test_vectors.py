"""Rows at unit length, whatever their size."""

from __future__ import annotations

import pytest
import torch

from safr_lens.word_vectors.vectors import unit_rows


def test_unit_rows_of_any_length():
    row = torch.tensor([3.0, -4.0], dtype=torch.float64)
    found, known = unit_rows(torch.stack([1e-200 * row, 1e200 * row, 0 * row]))
    assert found[:2].flatten().tolist() == pytest.approx([0.6, -0.8] * 2)
    assert found[2].isnan().all() and known.tolist() == [True, True, False]
