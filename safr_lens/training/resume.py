"""The state of an unfinished training, in safetensors and JSON: nothing here needs a pickle."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from safr_lens.atomic import replacing, write_json
from safr_lens.errors import CheckpointError
from safr_lens.training.averaging import WeightAverage
from safr_lens.training.history import EpochRecord
from safr_lens.training.same_settings import check_same

FOLDER, STATE, WEIGHTS = "resume", "state.json", "state.safetensors"


@dataclass(frozen=True)
class Resumed:
    """Where a training stopped: its records, weights, their mean, optimizer state, and the best weights so far."""

    records: list[EpochRecord]
    model: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor]
    optimizer: dict[int, dict[str, torch.Tensor]]
    average: dict[str, torch.Tensor]

    def restore(
        self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage | None, out: Path
    ) -> None:
        """Put weights, their mean and the optimizer's state back.

        Raises:
            CheckpointError: tensors that are missing or do not fit.
        """
        try:
            model.load_state_dict(self.best)
            model.load_state_dict(self.model)
            if average:
                average.load_state_dict(self.average)
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": self.optimizer, "param_groups": groups})
        except (RuntimeError, ValueError) as error:
            raise _damaged(out / FOLDER, error) from None


def save_state(
    out: Path,
    *,
    settings: dict[str, Any],
    records: list[EpochRecord],
    model: dict[str, torch.Tensor],
    best: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None,
) -> None:
    """Write the state after a finished epoch. The JSON is written last and makes the state valid."""
    folder = out / FOLDER
    tensors = {f"model/{name}": tensor for name, tensor in model.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    if average:
        tensors |= {f"average/{name}": tensor for name, tensor in average.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
    weights = f"{len(records):04d}.{WEIGHTS}"
    with replacing(folder / weights) as path:
        save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path)
    write_json(
        folder / STATE,
        {"settings": settings, "weights": weights, "records": [asdict(record) for record in records]},
    )
    for old in folder.glob(f"*.{WEIGHTS}"):
        if old.name != weights:
            old.unlink()


def load_state(out: Path, *, settings: dict[str, Any]) -> Resumed | None:
    """Return the state of an unfinished training in ``out``, or None where there is none.

    Raises:
        CheckpointError: a damaged state, or one of a training with other settings.
    """
    path = out / FOLDER / STATE
    if not path.is_file():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        tensors = load_file(out / FOLDER / state["weights"])
        records = [EpochRecord(**record) for record in state["records"]]
        saved = dict(state["settings"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _damaged(path.parent, error) from None
    check_same(saved, settings, path.parent)
    optimizer: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            optimizer.setdefault(int(index), {})[key] = tensor
    model, best, average = (_part(tensors, f"{name}/") for name in ("model", "best", "average"))
    return Resumed(records, model, best, optimizer, average)


def remove_state(out: Path) -> None:
    """Remove the state of a training that is finished."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def _damaged(folder: Path, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())
    return CheckpointError(f"{folder} is damaged ({reason:.200}). Remove it, and train anew.")


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
