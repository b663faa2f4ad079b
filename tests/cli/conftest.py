"""A tiny corpus on disk, a run trained on it, and a way to call the command line."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from safr_lens.cli import app
from tests.training.corpus import LABELS, rows

SMALL = """
d_model: 16
n_heads: 2
d_mlp: 32
d_vmask: 8
n_ctx: 16
min_frequency: 1
epochs: 2
information_weight: 0.1
"""


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    """A csv file with named classes."""
    path = tmp_path_factory.mktemp("corpus") / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([row["text"], LABELS[row["label"]]] for row in rows(120, seed=3))
    return path


@pytest.fixture(scope="session")
def small_config(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="session")
def call():
    """Call a command in this process; returns typer's result with ``stdout``, ``stderr`` and ``exit_code``."""

    def run(*words: object):
        return CliRunner().invoke(app, [str(word) for word in words], env={**os.environ, "COLUMNS": "200"})

    return run


@pytest.fixture(scope="session")
def run(call, corpus, small_config, tmp_path_factory) -> Path:
    """A trained run."""
    out = tmp_path_factory.mktemp("runs") / "safr"
    result = call("train", "--data", corpus, "--config", small_config, "--out", out, "--quiet")
    assert result.exit_code == 0, result.output
    return out
