"""Small commands whose output folders are killed, damaged and started twice: what they do and what must be left."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from tests.reliability.points import OK
from tests.training.corpus import LABELS, rows

SETTINGS = {
    "d_model": 16,
    "n_heads": 2,
    "d_mlp": 32,
    "d_vmask": 8,
    "n_ctx": 16,
    "min_frequency": 1,
    "epochs": 2,
    "information_weight": 0.1,
}
TEXTS = 120


def prepare(place: Path) -> None:
    """Write data, settings and a trained run."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "reviews.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([row["text"], LABELS[row["label"]]] for row in rows(TEXTS, seed=3))
    (place / "small.json").write_text(json.dumps(SETTINGS))
    assert call(*train(place, place / "run")) == OK


def call(*words: object) -> int:
    """Run a command in this process and return its exit status."""
    from typer.testing import CliRunner

    from safr_lens.cli import app

    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exit_code not in (0, 2, 130) and not isinstance(result.exception, SystemExit):
        raise result.exception or AssertionError(result.output)
    if result.exit_code:
        os.write(2, result.stderr.encode())
    return result.exit_code


def train(place: Path, out: Path, *more: object) -> tuple[object, ...]:
    """Return the words of a training."""
    return "train", "--data", place / "reviews.csv", "--config", place / "small.json", "--out", out, "--quiet", *more


def analyze(place: Path, out: Path, *more: object) -> tuple[object, ...]:
    """Return the words of an analysis of the trained run."""
    data = ("--data", place / "reviews.csv", "--out", out, "--faithfulness-texts", 0, "--no-init", "--quiet")
    return "analyze", place / "run", *data, *more


def sweep(place: Path, out: Path) -> tuple[object, ...]:
    """Return the words of a sweep of one strength."""
    words = "sweep", "--data", place / "reviews.csv", "--config", place / "small.json", "--strengths", "1"
    return *words, "--epochs", 1, "--out", out, "--quiet"


def store(place: Path, out: Path, *, dtype: str = "float32") -> int:
    """Store activations of the trained run, in three shards."""
    from safr_lens import HookedClassifier, save_activations

    model = HookedClassifier.from_pretrained(place / "run")
    texts = [row["text"] for row in rows(40, seed=5)]
    overwrite = dtype != "float32"
    hook = "blocks.0.mlp.hook_post"
    save_activations(model, texts, hook, out, shard_tokens=150, dtype=dtype, max_positions=64, overwrite=overwrite)
    return OK


@dataclass(frozen=True)
class Case:
    """A command that is killed.

    Attributes:
        begin: what is in the folder before.
        act: the command.
        again: the command that follows, which must end as the uninterrupted one.
    """

    name: str
    begin: Callable[[Path, Path], object]
    act: Callable[[Path, Path], int]
    again: Callable[[Path, Path], int]


def _nothing(place: Path, out: Path) -> None:
    """Leave the folder as it is."""


def _other_run(place: Path, out: Path) -> None:
    assert call(*train(place, out, "--seed", 7, "--epochs", 1)) == OK


CASES = (
    Case(
        "train",
        _nothing,
        lambda place, out: call(*train(place, out)),
        lambda place, out: _resumed(place, out),
    ),
    Case(
        "train --overwrite",
        _other_run,
        lambda place, out: call(*train(place, out, "--overwrite")),
        lambda place, out: call(*train(place, out, "--overwrite")),
    ),
    Case(
        "train --overwrite, then --overwrite --resume",
        _other_run,
        lambda place, out: call(*train(place, out, "--overwrite")),
        lambda place, out: call(*train(place, out, "--overwrite", "--resume")),
    ),
    Case("sweep", _nothing, lambda place, out: call(*sweep(place, out)), lambda place, out: call(*sweep(place, out))),
    Case(
        "analyze",
        _nothing,
        lambda place, out: call(*analyze(place, out)),
        lambda place, out: call(*analyze(place, out, "--overwrite")),
    ),
    Case(
        "analyze --overwrite",
        lambda place, out: call(*analyze(place, out, "--seed", 9)),
        lambda place, out: call(*analyze(place, out, "--overwrite")),
        lambda place, out: call(*analyze(place, out, "--overwrite")),
    ),
    Case("save_activations", _nothing, store, store),
    Case(
        "save_activations, overwrite=True",
        store,
        lambda place, out: store(place, out, dtype="float16"),
        lambda place, out: store(place, out, dtype="float16"),
    ),
)


def _resumed(place: Path, out: Path) -> int:
    """Resume a training; one that has finished is refused, which is all right."""
    was_finished = finished(out)
    status = call(*train(place, out, "--resume"))
    return OK if was_finished and status == 2 else status


def finished(out: Path) -> bool:
    """Whether a folder holds a finished run, as a command that opens it sees it."""
    from safr_lens.training.run_folder import drop_stale_state

    drop_stale_state(out)
    return (out / "metrics.json").exists()


def opened(out: Path) -> None:
    """Open all that a folder holds, as the commands that read it do; whatever is damaged is an error."""
    from safr_lens import HookedClassifier, load_activations
    from safr_lens.artefacts import read_manifest, settle, verified

    if (out / "activations-00000.safetensors").exists() and (out / "manifest.json").exists():
        list(load_activations(out))
        return
    for folder in [out, *(path for path in out.rglob("*") if path.is_dir() and not path.name.startswith("."))]:
        if folder.is_dir():
            settle(folder)
        manifest = read_manifest(folder)
        for name in manifest.files if manifest else ():
            verified(folder / name)
            assert (folder / name).is_file(), name
        if (folder / "config.json").exists():
            HookedClassifier.from_pretrained(folder)


def states(out: Path) -> dict[str, str]:
    """Return what the files of a folder hold, by name, without times of day and durations; of hidden ones the names."""
    names = (str(path.relative_to(out)) for path in sorted(out.rglob("*")) if path.is_file())
    return {name: "" if is_hidden(name) else state(out / name) for name in names}


def is_hidden(name: str) -> bool:
    """Whether a file is hidden, or in a hidden folder."""
    return name.startswith(".") or "/." in name


def state(path: Path) -> str:
    """Return a checksum of all of a file that must be the same in a run that is repeated."""
    if path.name == "manifest.json":
        files = json.loads(path.read_text()).get("files", {})
        return ",".join(sorted(files)) or hashlib.sha256(path.read_bytes()).hexdigest()
    if path.suffix in (".json", ".jsonl"):
        lines = [path.read_text()] if path.suffix == ".json" else path.read_text().splitlines()
        return json.dumps([_timeless(json.loads(line)) for line in lines], sort_keys=True)
    if path.suffix == ".safetensors" and path.name == "model.safetensors":
        tensors = load_file(path)
        return hashlib.sha256(b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key != "seconds"}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def copied(source: Path, target: Path) -> None:
    """Replace a folder by a copy of another, which may be missing."""
    shutil.rmtree(target, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, target)
