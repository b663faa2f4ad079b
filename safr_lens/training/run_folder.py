"""The folder of a run, and the state in it from which an unfinished training is resumed; nothing needs a pickle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NotRequired

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from typing_extensions import TypedDict

from safr_lens.artefacts import (
    changing,
    check_own_manifest,
    file_checksum,
    locked,
    read_manifest,
    read_whole,
    remove_folder,
    settle,
    verified,
)
from safr_lens.artefacts.change import MADE
from safr_lens.atomic import write_json
from safr_lens.documents import check_regular, checked, read_json
from safr_lens.errors import CheckpointError, first_line
from safr_lens.launch import speaks
from safr_lens.models.checkpoint import COMPARED, CONFIG, TOKENIZER, WEIGHTS, write_model
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.config import ModelConfig
from safr_lens.models.learned import learned_state, load_learned
from safr_lens.training.averaging import WeightAverage
from safr_lens.training.config import TrainConfig
from safr_lens.training.history import EpochRecord, write_history
from safr_lens.training.trained_rows import ROWS, Fingerprints, check_same_rows, read_rows, write_rows
from safr_lens.visible import shown

METRICS, HISTORY = "metrics.json", "history.jsonl"
DEFAULTS = {one.name: one.default for part in (ModelConfig, TrainConfig) for one in fields(part)} | {"processes": 1}
RESUME, STATE, TENSORS = "resume", "state.json", "state.safetensors"
RUN_FILES = (WEIGHTS, CONFIG, TOKENIZER, COMPARED, METRICS, HISTORY, ROWS)
TRAINING, UNFINISHED = "training", "unfinished"  # in the manifest, while the weights are only the best so far
COLUMNS = ("text_column", "label_column")
NEW = {*COLUMNS, "tokenizer"}  # settings that trainings of earlier versions do not name


class State(TypedDict):
    """What ``state.json`` holds; earlier versions wrote neither ``aside`` nor ``replaced``."""

    settings: dict[str, dict[str, Any]]
    weights: str
    records: list[dict[str, Any]]
    aside: NotRequired[bool]
    replaced: NotRequired[str | None]


@dataclass(frozen=True)
class Resumed:
    """Where a training stopped: its records, weights, their mean, optimizer state, and the best weights so far."""

    folder: Path
    records: list[EpochRecord]
    model: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor]
    optimizer: dict[int, dict[str, torch.Tensor]]
    average: dict[str, torch.Tensor]
    aside: bool = False

    def restore(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage | None) -> None:
        """Put weights, their mean and the optimizer's state back.

        Raises:
            CheckpointError: tensors that are missing or do not fit.
        """
        try:
            load_learned(model, self.best)
            load_learned(model, self.model)
            if average:
                average.load_state_dict(self.average)
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": self.optimizer, "param_groups": groups})
        except (RuntimeError, ValueError) as error:
            raise _damaged(self.folder, error) from None


class RunFolder:
    """Where a training is written; checked before anything is written. To be used while the folder is locked.

    What is there already (``aside``) stays as it is until the training has finished. A training that is resumed must
    have the same settings, and the same fingerprints of its data (``rows``).

    Raises:
        CheckpointError: the folder holds a finished or unfinished training, or files of something else, and neither
            was asked for.
    """

    def __init__(
        self,
        path: Path,
        settings: dict[str, Any],
        rows: Fingerprints,
        *,
        resume: bool,
        overwrite: bool,
    ) -> None:
        self.path, self.state = path, path / RESUME
        self.settings, self.rows = settings, rows
        self.resumed: Resumed | None = None
        if path.exists() and not path.is_dir():
            raise CheckpointError(f"{path} is a file; expected a folder for the run.")
        drop_stale_state(path)
        check_own_manifest(path)
        finished, unfinished = (path / METRICS).exists(), (self.state / STATE).exists()
        manifest = read_manifest(path)
        restarted = not unfinished and manifest is not None and manifest.about.get(TRAINING) == UNFINISHED
        if resume and unfinished:
            self.resumed = read_whole(self.state, lambda: _load_state(self.state, settings, rows))
        elif finished and not overwrite:
            mend = "It is finished; there is nothing to resume." if resume else "Name another, or use --overwrite."
            raise CheckpointError(f"{path} already holds a trained run. {mend}")
        elif (unfinished or restarted) and not (resume or overwrite):
            raise CheckpointError(f"{path} holds an unfinished training. Pass --resume to resume it, or --overwrite.")
        there = [] if restarted else [name for name in RUN_FILES if (path / name).exists()]
        if there and not (self.resumed or overwrite):
            what = "a model" if there[0] == WEIGHTS else there[0]
            raise CheckpointError(f"{path} holds {what} of something else. Name another folder, or use --overwrite.")
        self.aside = self.resumed.aside if self.resumed else bool(there)
        self.replaced = file_checksum(path / METRICS) if finished else None

    def keep_best(self, model: HookedClassifier) -> None:
        """Write the best weights so far, where they replace nothing but those of the same training."""
        if not self.aside:
            with changing(self.path, removed=[COMPARED], about={TRAINING: UNFINISHED}) as new:
                write_model(model, new)

    def keep(
        self,
        records: list[EpochRecord],
        model: HookedClassifier,
        best: dict[str, torch.Tensor],
        optimizer: torch.optim.Optimizer,
        average: WeightAverage | None,
    ) -> None:
        """After an epoch: write the state to resume from, in one step, and the history."""
        parts = {"model": learned_state(model), "best": best, "average": average.state_dict() if average else {}}
        parts |= {f"optimizer/{index}": state for index, state in optimizer.state_dict()["state"].items()}
        tensors = {
            f"{part}/{name}": torch.as_tensor(value).detach().cpu().contiguous().clone()
            for part, values in parts.items()
            for name, value in values.items()
        }
        weights = f"{len(records):04d}.{TENSORS}"
        state: State = {
            "settings": self.settings,
            "weights": weights,
            "records": [asdict(record) for record in records],
            "aside": self.aside,
            "replaced": self.replaced,
        }
        older = [path.name for path in self.state.glob(f"*.{TENSORS}") if path.name != weights]
        with changing(self.state, removed=older) as new:
            save_file(tensors, new / weights)
            write_rows(new, self.rows)
            write_json(new / STATE, state)
        if not self.aside:
            write_history(self.path / HISTORY, records)

    def finish(self, model: HookedClassifier, metrics: dict[str, Any], records: list[EpochRecord]) -> None:
        """Write the finished run in one step, and remove the state to resume from."""
        about = {TRAINING: None, "settings": self.settings, "data": {s: one.checksum for s, one in self.rows.items()}}
        with changing(self.path, removed=[COMPARED], about=about) as new:
            write_model(model, new)
            write_rows(new, self.rows)
            write_history(new / HISTORY, records)
            write_json(new / METRICS, metrics)
        remove_folder(self.state)

    def said_of_weights(self, records: list[EpochRecord]) -> str:
        """Say where the best weights of a training that ends too early are."""
        if self.aside:
            return f" What {self.path} held before is as it was."
        return f" The best weights so far are in {self.path}." if records else ""


def drop_stale_state(folder: Path) -> None:
    """Finish what a killed process left of a run, and remove the state of a training that has finished since."""
    settle(folder)
    settle(folder / RESUME)
    finished = (folder / METRICS).exists()
    if not finished or not (folder / RESUME).is_dir() or not speaks():
        return
    try:
        state = checked(State, read_json(folder / RESUME / STATE))
        if state.get("replaced") == file_checksum(folder / METRICS):
            return  # of a training that is to replace the finished one
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        return  # a damaged one, which resuming names
    with locked(folder):
        remove_folder(folder / RESUME)


def is_unfinished(folder: Path) -> bool:
    """Whether a folder holds a training to resume."""
    return (folder / RESUME / STATE).is_file() or (folder / RESUME / MADE).is_dir()


def check_same(saved: dict[str, Any], asked: dict[str, Any], folder: Path, *, same_rows: bool = False) -> None:
    """Raise a CheckpointError that names the first setting in which two trainings differ.

    The number of epochs may differ: that is the same training, longer or shorter. Where the rows are known to be the
    same, so may the place and the columns that they come from. A setting that did not exist yet had what is now its
    default.
    """
    free = {"epochs", "source", "rows", *COLUMNS} if same_rows else {"epochs"}
    for part in sorted(saved.keys() | asked.keys()):
        old, new = saved.get(part) or {}, asked.get(part) or {}
        for name in sorted(old.keys() | new.keys()):
            unnamed = name in NEW and name not in old
            if name not in free and not unnamed and old.get(name, DEFAULTS.get(name)) != new.get(name):
                raise CheckpointError(
                    f"{folder} holds a training with other settings: {name} was {shown(old.get(name))}, "
                    f"now {shown(new.get(name))}. Use the old setting, name another folder, or use --overwrite."
                )


def other_columns(saved: dict[str, Any], asked: dict[str, Any]) -> str:
    """Say in which columns that texts and labels come from two trainings differ."""
    old, new = saved.get("data", {}), asked.get("data", {})
    changed = (name for name in COLUMNS if name in old and old[name] != new.get(name))
    return "; ".join(f"{name} was {shown(old[name])}, now {shown(new.get(name))}" for name in changed)


def _load_state(folder: Path, settings: dict[str, Any], rows: Fingerprints) -> Resumed:
    """Return the state of an unfinished training.

    Raises:
        CheckpointError: a damaged state, or one of a training with other settings or other data.
    """
    try:
        state = checked(State, read_json(verified(folder / STATE)))
        records = [EpochRecord(**record) for record in state["records"]]
        saved, weights = state["settings"], verified(folder / state["weights"])
        check_regular(weights)
        kept = read_rows(folder)
    except (CheckpointError, OSError, ValueError, TypeError) as error:
        raise _damaged(folder, error) from None
    kept = read_rows(folder.parent) if kept is None else kept  # where earlier versions kept them
    check_same_rows(kept, rows, folder.parent, columns=other_columns(saved, settings))
    check_same(saved, settings, folder.parent, same_rows=kept is not None)
    optimizer: dict[int, dict[str, torch.Tensor]] = {}
    try:
        tensors = load_file(weights)
        for name in tensors:
            if name.startswith("optimizer/"):
                _, index, key = name.split("/")
                optimizer.setdefault(int(index), {})[key] = tensors[name]
    except (OSError, SafetensorError, ValueError) as error:
        raise _damaged(folder, error) from None
    model, best, average = (_part(tensors, f"{name}/") for name in ("model", "best", "average"))
    return Resumed(folder, records, model, best, optimizer, average, state.get("aside", False))


def _damaged(folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{folder} is damaged ({first_line(error)}). Remove it, and train anew.")


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
