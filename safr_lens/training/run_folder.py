"""The folder of a run: what is written during a training and at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from safr_lens.atomic import write_json
from safr_lens.errors import CheckpointError
from safr_lens.models.checkpoint import WEIGHTS
from safr_lens.models.classifier import HookedClassifier
from safr_lens.training.averaging import WeightAverage
from safr_lens.training.history import EpochRecord, write_history
from safr_lens.training.resume import FOLDER, Resumed, load_state, remove_state, save_state

METRICS, HISTORY = "metrics.json", "history.jsonl"


class RunFolder:
    """Where a training is written; checked before anything is written.

    Args:
        path: the folder; it need not exist.
        settings: of this training, which a resumed one must share.
        resume: resume an unfinished training.
        overwrite: replace what is there.

    Raises:
        CheckpointError: the folder holds a finished or unfinished training and neither was asked for.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
        self.path = path
        self.settings = settings
        self.resumed: Resumed | None = None
        if path.exists() and not path.is_dir():
            raise CheckpointError(f"{path} is a file; expected a folder for the run.")
        finished, unfinished = (path / METRICS).exists(), (path / FOLDER).exists()
        if resume:
            self.resumed = load_state(path, settings=settings)
        if finished and not overwrite:
            mend = "It is finished; there is nothing to resume." if resume else "Name another, or use --overwrite."
            raise CheckpointError(f"{path} already holds a trained run. {mend}")
        if unfinished and not (resume or overwrite):
            raise CheckpointError(f"{path} holds an unfinished training. Pass --resume to resume it, or --overwrite.")
        if not (finished or unfinished or overwrite) and (path / WEIGHTS).exists():
            raise CheckpointError(f"{path} holds a model of something else. Name another folder.")
        if overwrite and not resume:
            remove_state(path)
            (path / METRICS).unlink(missing_ok=True)

    def keep_best(self, model: HookedClassifier) -> None:
        """Write the weights of the best epoch so far."""
        model.save_pretrained(self.path)

    def keep(
        self,
        records: list[EpochRecord],
        model: HookedClassifier,
        best: dict[str, torch.Tensor],
        optimizer: torch.optim.Optimizer,
        average: WeightAverage | None,
    ) -> None:
        """After an epoch: write the history, and the state to resume from."""
        write_history(self.path / HISTORY, records)
        save_state(
            self.path,
            settings=self.settings,
            records=records,
            model=model.state_dict(),
            best=best,
            optimizer=optimizer,
            average=average,
        )

    def finish(self, model: HookedClassifier, metrics: dict[str, Any]) -> None:
        """Write the final weights, then the metrics, whose presence says that the run is finished."""
        model.save_pretrained(self.path)
        write_json(self.path / METRICS, metrics)
        remove_state(self.path)
