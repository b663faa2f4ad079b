"""Benchmarks are run from their command line on a few texts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.corpus import write_corpus

ROOT = Path(__file__).parents[2]


@pytest.fixture
def corpus(tmp_path) -> Path:
    return write_corpus(tmp_path / "reviews.csv", 200)


@pytest.fixture
def benchmark(tmp_path) -> Callable[..., list[dict]]:
    """Run a benchmark and return the JSON that it prints and writes."""

    def run(name: str, *words: object) -> list[dict]:
        out = tmp_path / "found.json"
        command = [sys.executable, "-m", "benchmarks", name, "--json", "--out", str(out), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert json.loads(out.read_text()) == found
        assert all(one["machine"]["versions"]["torch"] and one["rows"] for one in found)
        return found

    return run
