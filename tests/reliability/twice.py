"""Start two real processes on one folder, again and again: ``python tests/reliability/twice.py --times 20``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.reliability import commands

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Start two trainings on one folder so often, and print how they ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        commands.prepare(place)
        wrong = [said for number in range(chosen.times) if (said := started_twice(place, place / f"out-{number}"))]
    print(f"{chosen.times} times two trainings on one folder; one ran and one was refused {chosen.times - len(wrong)}")
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))


def started_twice(place: Path, out: Path) -> str:
    """Start two trainings with different seeds together; return what was wrong, if anything."""
    both = [_training(place, out, seed) for seed in (0, 1)]
    ended = [(*process.communicate(timeout=600), process.returncode) for process in both]
    statuses = [status for *_, status in ended]
    if sorted(statuses) != [0, 2]:
        return f"they ended with {statuses}: {[shown for _, shown, _ in ended]}"
    ran = statuses.index(0)
    refused = ended[1 - ran][1]
    # the first may have finished before the other began
    said = (f"is being written by process {both[ran].pid}, which started at", "already holds a trained run")
    if not any(one in refused for one in said):
        return f"the second was refused with: {refused}"
    from safr_lens.reporting import load_run

    seed = load_run(out).metrics["seed"]
    return "" if seed == ran else f"the folder holds seed {seed}, but seed {ran} ran"


def _training(place: Path, out: Path, seed: int) -> subprocess.Popen[str]:
    words = map(str, commands.train(place, out, "--seed", seed, "--epochs", 6))
    return subprocess.Popen(
        [sys.executable, "-m", "safr_lens", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


if __name__ == "__main__":
    main()
