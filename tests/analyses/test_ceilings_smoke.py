"""The scores of perfect codes, on a few reviews."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.analyses.test_smoke import run


def test_it_prints_one_row_a_code_and_split():
    printed = run("ceilings.py", "--limit", 150, "--neurons", 64, "--splits", "validation")
    lines = printed.strip().splitlines()[-8:-1]
    assert "above null" in lines[0] and "name AUC" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["validation"] * 6


def test_names_of_groups_of_related_words_say_everything(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "analyses"))
    from ceilings import named

    tokens = torch.arange(60).repeat(10)
    groups = torch.arange(60) // 20
    found = named(tokens, groups, torch.eye(3)[groups])
    assert found["name AUC"] == pytest.approx(1) and found["names that hold"] == 1
    assert found["neurons with one"] == 3


def test_a_neuron_for_each_word_is_perfectly_selective_and_says_nothing_of_meaning(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "analyses"))
    from ceilings import measured

    tokens = torch.arange(4).repeat(200)[torch.randperm(800, generator=torch.Generator().manual_seed(0))]
    found = measured(tokens, torch.arange(4), torch.eye(4))
    assert found["token sel."] == pytest.approx(1)
    assert found["chance-normalised"] == pytest.approx(1)
    assert found["neurons with an MS"] == 0
    # two words of four, alike two by two: half of the entropy, and a cosine of 1
    pairs = measured(tokens, torch.tensor([0, 0, 1, 1]), torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]))
    assert pairs["token sel."] == pytest.approx(0.5)
    assert pairs["MS above null"] == pytest.approx(1 - 1 / 3, abs=0.05)
