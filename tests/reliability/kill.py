"""Kill commands at their file operations: ``python tests/reliability/kill.py``.

Each file operation of a training, a sweep, an analysis and a store of activations, each of them with and without
something to overwrite, is a point at which the command is killed in a forked child. Afterwards the folder must hold the
whole old state or the whole new one, and the command that follows must end as the uninterrupted one, bit for bit, with
no file left over.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.reliability import commands
from tests.reliability.points import OK, counted, in_child, killed_at


def main() -> None:
    """Kill all commands at all points, or at so many random ones of each, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, help="random points of each command instead of all")
    parser.add_argument("--only", help="commands whose name contains this")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        commands.prepare(place)
        for case in commands.CASES:
            if chosen.only and chosen.only not in case.name:
                continue
            found = killed(case, place, points=chosen.points, seed=chosen.seed)
            wrong = [said for said in found if said not in ("old", "new", "unfinished")]
            faults += sum(found[said] for said in wrong)
            print(f"{case.name}: {sum(found.values())} kills: {dict(found)}", flush=True)
    print(f"{faults} faults")
    sys.exit(bool(faults))


def killed(case: commands.Case, place: Path, *, points: int | None = None, seed: int = 0) -> Counter[str]:
    """Kill a command at points, and count in which state the folder was each time, or what was wrong."""
    template, out = place / "template", place / "out"
    for folder in (template, out):
        shutil.rmtree(folder, ignore_errors=True)
    assert in_child(lambda: case.begin(place, template)) == OK
    commands.copied(template, out)
    old = commands.states(out)
    n = counted(lambda: case.act(place, out), out, place / "counted")
    new = commands.states(out)
    chosen = range(1, n + 1)
    if points is not None:
        chosen = sorted(random.Random(seed).sample(chosen, min(points, n)))
    return Counter(_one(case, place, template, out, point, old, new) for point in chosen)


def _one(
    case: commands.Case, place: Path, template: Path, out: Path, point: int, old: dict[str, str], new: dict[str, str]
) -> str:
    commands.copied(template, out)
    log = place / "log"
    status = killed_at(lambda: case.act(place, out), out, point, log=log)
    if status != -signal.SIGKILL:
        return f"point {point}: was not killed, but ended with {status}"
    left = _left(out, old, new, log)
    status = in_child(lambda: os._exit(case.again(place, out)), log=log)
    if status != OK:
        return f"point {point} ({left}): the command that follows ends with {status}: {log.read_text()[-300:]}"
    ended = commands.states(out)
    if ended != new:
        differing = sorted(name for name in ended.keys() | new.keys() if ended.get(name) != new.get(name))
        return f"point {point} ({left}): another end: {', '.join(differing)}"
    return left


def _left(out: Path, old: dict[str, str], new: dict[str, str], log: Path) -> str:
    """Return whether a folder that is opened holds the old state or the new one, or a training to be resumed."""
    found = Path(f"{out}-opened")
    commands.copied(out, found)
    status = in_child(lambda: commands.opened(found), log=log)
    if status != OK:
        return f"it does not open: {log.read_text()[-300:]}"
    states = {
        name: state
        for name, state in commands.states(found).items()
        if not (commands.is_hidden(name) or name.startswith("resume/") or "/resume/" in name)
    }
    if states == new:
        return "new"
    if states == old:
        return "old"
    if old and all(states.get(name) == state for name, state in old.items() if name != "manifest.json"):
        return "neither: files beside the old ones"
    return "unfinished" if not old else "neither old nor new"


if __name__ == "__main__":
    main()
