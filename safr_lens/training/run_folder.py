"""The folder of a run, and the state in it from which an unfinished training is resumed; nothing needs a pickle."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from safr_lens.atomic import replacing, write_json
from safr_lens.errors import CheckpointError
from safr_lens.models.checkpoint import WEIGHTS
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.config import ModelConfig
from safr_lens.models.learned import learned_state, load_learned
from safr_lens.training.averaging import WeightAverage
from safr_lens.training.config import TrainConfig
from safr_lens.training.history import EpochRecord, write_history
from safr_lens.training.trained_rows import Fingerprints, check_same_rows, read_rows, write_rows

METRICS, HISTORY = "metrics.json", "history.jsonl"
DEFAULTS = {field.name: field.default for part in (ModelConfig, TrainConfig) for field in fields(part)}
RESUME, STATE, TENSORS = "resume", "state.json", "state.safetensors"


@dataclass(frozen=True)
class Resumed:
    """Where a training stopped: its records, weights, their mean, optimizer state, and the best weights so far."""

    folder: Path
    records: list[EpochRecord]
    model: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor]
    optimizer: dict[int, dict[str, torch.Tensor]]
    average: dict[str, torch.Tensor]

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
    """Where a training is written; checked before anything is written.

    Args:
        path: the folder; it need not exist.
        settings: of this training, which a resumed one must share.
        rows: fingerprints of its data, which a resumed one must share too.
        resume: resume an unfinished training.
        overwrite: replace what is there.

    Raises:
        CheckpointError: the folder holds a finished or unfinished training and neither was asked for.
    """

    def __init__(
        self, path: Path, settings: dict[str, Any], rows: Fingerprints, *, resume: bool, overwrite: bool
    ) -> None:
        self.path = path
        self.rows = rows
        self.state = path / RESUME
        self.settings = settings
        self.resumed: Resumed | None = None
        if path.exists() and not path.is_dir():
            raise CheckpointError(f"{path} is a file; expected a folder for the run.")
        finished, unfinished = (path / METRICS).exists(), self.state.exists()
        if resume and unfinished:
            kept = read_rows(path)
            check_same_rows(kept, rows, path)
            self.resumed = _load_state(self.state, settings, same_rows=kept is not None)
        if finished and not overwrite:
            mend = "It is finished; there is nothing to resume." if resume else "Name another, or use --overwrite."
            raise CheckpointError(f"{path} already holds a trained run. {mend}")
        if unfinished and not (resume or overwrite):
            raise CheckpointError(f"{path} holds an unfinished training. Pass --resume to resume it, or --overwrite.")
        if not (finished or unfinished or overwrite) and (path / WEIGHTS).exists():
            raise CheckpointError(f"{path} holds a model of something else. Name another folder.")
        if overwrite and not resume:
            self._remove_state()
            (path / METRICS).unlink(missing_ok=True)

    def keep(
        self,
        records: list[EpochRecord],
        model: HookedClassifier,
        best: dict[str, torch.Tensor],
        optimizer: torch.optim.Optimizer,
        average: WeightAverage | None,
    ) -> None:
        """After an epoch: write the history and the state to resume from, whose JSON comes last and makes it valid."""
        write_history(self.path / HISTORY, records)
        if len(records) == 1:
            write_rows(self.path, self.rows)
        parts = {"model": learned_state(model), "best": best, "average": average.state_dict() if average else {}}
        parts |= {f"optimizer/{index}": state for index, state in optimizer.state_dict()["state"].items()}
        tensors = {
            f"{part}/{name}": torch.as_tensor(value).detach().cpu().contiguous().clone()
            for part, values in parts.items()
            for name, value in values.items()
        }
        weights = f"{len(records):04d}.{TENSORS}"
        with replacing(self.state / weights) as path:
            save_file(tensors, path)
        state = {"settings": self.settings, "weights": weights, "records": [asdict(record) for record in records]}
        write_json(self.state / STATE, state)
        for old in self.state.glob(f"*.{TENSORS}"):
            if old.name != weights:
                old.unlink()

    def finish(self, model: HookedClassifier, metrics: dict[str, Any]) -> None:
        """Write the final weights, then the metrics, whose presence says that the run is finished."""
        model.save_pretrained(self.path)
        write_rows(self.path, self.rows)
        write_json(self.path / METRICS, metrics)
        self._remove_state()

    def _remove_state(self) -> None:
        shutil.rmtree(self.state, ignore_errors=True)


def check_same(saved: dict[str, Any], asked: dict[str, Any], folder: Path, *, same_rows: bool = False) -> None:
    """Raise a CheckpointError that names the first setting in which two trainings differ.

    The number of epochs may differ: that is the same training, longer or shorter. Where the rows are known to be the
    same, so may the place that they come from. A setting that did not exist yet had what is now its default.
    """
    free = {"epochs", "source", "rows"} if same_rows else {"epochs"}
    for part in sorted(saved.keys() | asked.keys()):
        old, new = saved.get(part) or {}, asked.get(part) or {}
        for name in sorted(old.keys() | new.keys()):
            if name not in free and old.get(name, DEFAULTS.get(name)) != new.get(name):
                raise CheckpointError(
                    f"{folder} holds a training with other settings: {name} was {old.get(name)!r}, now "
                    f"{new.get(name)!r}. Use the old setting, name another folder, or use --overwrite."
                )


def _load_state(folder: Path, settings: dict[str, Any], *, same_rows: bool) -> Resumed | None:
    """Return the state of an unfinished training, or None where there is none.

    Raises:
        CheckpointError: a damaged state, or one of a training with other settings.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        tensors = load_file(folder / state["weights"])
        records = [EpochRecord(**record) for record in state["records"]]
        saved = dict(state["settings"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _damaged(folder, error) from None
    check_same(saved, settings, folder, same_rows=same_rows)
    optimizer: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            optimizer.setdefault(int(index), {})[key] = tensor
    model, best, average = (_part(tensors, f"{name}/") for name in ("model", "best", "average"))
    return Resumed(folder, records, model, best, optimizer, average)


def _damaged(folder: Path, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())
    return CheckpointError(f"{folder} is damaged ({reason:.200}). Remove it, and train anew.")


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
