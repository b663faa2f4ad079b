"""Flip bits of and cut every kind of artefact: ``python tests/reliability/flips.py --times 200``.

Each change must be an error that names the file, or leave all that the artefact is read as exactly as it was.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from safr_lens.errors import CheckpointError
from tests.reliability import commands

Read = Callable[[Path], object]


def artefacts(place: Path) -> dict[str, tuple[Path, Read]]:
    """Make one artefact of each kind; return its folder and what reads all of it."""
    commands.prepare(place)
    assert commands.call(*commands.analyze(place, place / "analysis")) == 0
    commands.store(place, place / "store")
    unfinished(place)
    return {
        "run": (place / "run", read_run),
        "resume state": (place / "unfinished", read_state),
        "analysis": (place / "analysis", read_analysis),
        "store": (place / "store", read_store),
    }


def unfinished(place: Path) -> None:
    """Leave a training that was stopped when its epochs were over, with the state to resume from."""
    from safr_lens.training.run_folder import RunFolder

    finish = RunFolder.finish
    RunFolder.finish = lambda *args: None  # type: ignore[method-assign]
    try:
        assert commands.call(*commands.train(place, place / "unfinished")) == 0
    finally:
        RunFolder.finish = finish  # type: ignore[method-assign]


def read_run(folder: Path) -> object:
    """Return weights, settings, words and record of a run."""
    from safr_lens.reporting import load_run

    run = load_run(folder)
    weights = {name: tensor.numpy().tobytes() for name, tensor in run.model.state_dict().items()}
    rows = run.record.rows or {}
    seen = {name: (one.texts.tobytes(), one.labels.tobytes(), one.checksum) for name, one in rows.items()}
    compared = run.model.compared
    vectors = None if compared is None or compared.vectors is None else compared.vectors.numpy().tobytes()
    words = run.model.tokenizer.tokenizer.to_str()
    return weights, run.model.config, run.model.labels, words, run.metrics, run.history, seen, compared, vectors


def read_state(folder: Path) -> object:
    """Return all that a training resumes from."""
    from safr_lens.artefacts import read_manifest, verified
    from safr_lens.training.run_folder import _load_state
    from safr_lens.training.trained_rows import read_rows

    state = folder / "resume"
    manifest = read_manifest(state)
    for name in manifest.files if manifest else ():
        verified(state / name)
    settings = json.loads((state / "state.json").read_text())["settings"]
    found = _load_state(state, settings, read_rows(state) or {})
    parts = (found.model, found.best, found.average, *found.optimizer.values())
    tensors = [{name: tensor.numpy().tobytes() for name, tensor in part.items()} for part in parts]
    return found.records, tensors, settings


def read_analysis(folder: Path) -> object:
    """Return the measures and the table of an analysis."""
    from safr_lens.analysis import read_analysis as read

    measures, neurons = read(folder)
    return measures, neurons.to_json()


def read_store(folder: Path) -> object:
    """Return all batches of a store."""
    from safr_lens import load_activations

    store = load_activations(folder)
    batches = [
        (one.tokens.tolist(), one.labels.tolist(), [value.numpy().tobytes() for value in one.activations.values()])
        for one in store
    ]
    return batches, store.hooks, store.complete, store.n_cut


def changed(folder: Path, read: Read, times: int, seed: int = 0) -> Counter[str]:
    """Change files of an artefact so often, half by a bit and half by a cut, and count what came of it."""
    before, draw = read(folder), random.Random(seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if (folder / "resume").is_dir():
        files = [path for path in files if path.parent.name == "resume"]
    found: Counter[str] = Counter()
    for number in range(times):
        path = draw.choice(files)
        content = path.read_bytes()
        try:
            path.write_bytes(_changed(content, draw, cut=number % 2 == 1))
            found[_noticed(folder, read, before, path)] += 1
        finally:
            path.write_bytes(content)
    return found


def swapped(folder: Path, other: Path, read: Read) -> Counter[str]:
    """Put each file of another artefact in the place of an artefact's own, and count what came of it."""
    found: Counter[str] = Counter()
    before = read(folder)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "manifest.json" and (other / path.name).is_file():
            content = path.read_bytes()
            try:
                shutil.copyfile(other / path.name, path)
                found[_noticed(folder, read, before, path)] += 1
            finally:
                path.write_bytes(content)
    return found


def n_faults(found: Counter[str]) -> int:
    """Return how many changes were neither noticed nor harmless."""
    return sum(n for said, n in found.items() if not said.startswith(("noticed", "harmless")))


def _changed(content: bytes, draw: random.Random, *, cut: bool) -> bytes:
    if cut:
        return content[: draw.randrange(len(content))]
    changed = bytearray(content)
    changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _noticed(folder: Path, read: Read, before: object, path: Path) -> str:
    try:
        return f"harmless ({path.name})" if read(folder) == before else f"NOT NOTICED ({path.name})"
    except CheckpointError:
        return "noticed"
    except Exception as error:
        return f"ANOTHER ERROR ({path.name}: {type(error).__name__})"


def main() -> None:
    """Change all kinds of artefacts and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200, help="of each kind")
    chosen = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for kind, (folder, read) in artefacts(place).items():
            found = changed(folder, read, chosen.times)
            faults += n_faults(found)
            print(f"{kind}: {sum(found.values())} changes: {dict(sorted(found.items()))}", flush=True)
        assert commands.call(*commands.train(place, place / "other", "--seed", 5)) == 0
        found = swapped(place / "run", place / "other", read_run)
        faults += n_faults(found)
        print(f"files swapped between runs: {dict(found)}")
    print(f"{faults} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
