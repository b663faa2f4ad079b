"""What checking costs a load, and saving an epoch of the demo: ``python tests/reliability/costs.py``."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from safr_lens import HookedClassifier
from safr_lens.artefacts.manifest import UNCHECKED
from safr_lens.experiments.demo import PATIENCE
from safr_lens.runs.settings import PACKAGED_VECTORS, make_settings
from safr_lens.runs.train_run import train_run
from safr_lens.training.run_folder import RunFolder

REPEATS = 9


def main() -> None:
    """Train SAFR of the demo for two epochs, then load it with and without checks in turn; print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="load this run instead of training one")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = chosen.run or _trained(Path(name) / "safr")
        size = sum(path.stat().st_size for path in run.iterdir() if path.is_file())
        checked, unchecked = _in_turn(lambda: HookedClassifier.from_pretrained(run))
        print(
            f"loading {size / 1e6:.1f} MB: {1000 * checked:.0f} ms with checks, {1000 * unchecked:.0f} ms without: "
            f"checks take {checked / unchecked - 1:.1%} more"
        )


def _trained(out: Path) -> Path:
    settings = make_settings(
        {
            "data": "rotten_tomatoes",
            "epochs": 2,
            "patience": PATIENCE,
            "word_vectors_from": PACKAGED_VECTORS,
            "embedding_start": "words",
            "preset": "strong",
        }
    )
    spent = [0.0]
    for name in ("keep", "keep_best"):
        setattr(RunFolder, name, _timed(getattr(RunFolder, name), spent))
    result = train_run(settings, out=out, progress=False)
    epochs = sum(record.seconds for record in result.history)
    print(f"two epochs take {epochs:.1f} s, their saves {spent[0]:.2f} s: {spent[0] / epochs:.1%}")
    return out


def _timed(function: Callable[..., object], spent: list[float]) -> Callable[..., object]:
    def timed(*args: object) -> object:
        started = time.perf_counter()
        try:
            return function(*args)
        finally:
            spent[0] += time.perf_counter() - started

    return timed


def _in_turn(load: Callable[[], object]) -> tuple[float, float]:
    """Return the median process times of loading with checks and without them."""
    times: dict[str, list[float]] = {"1": [], "0": []}
    load()
    for _ in range(REPEATS):
        for switch, found in times.items():
            os.environ[UNCHECKED] = switch
            started = time.process_time()
            load()
            found.append(time.process_time() - started)
    return statistics.median(times["1"]), statistics.median(times["0"])


if __name__ == "__main__":
    main()
