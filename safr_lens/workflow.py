"""From settings to a trained run, and from a run to its figures: what the commands do, callable from Python."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safr_lens.data.dataset import SPLITS, Split, TextData
from safr_lens.data.load import load_data
from safr_lens.data.tokenizer import train_tokenizer
from safr_lens.errors import CheckpointError, DataError, near_matches
from safr_lens.measures.evaluation import evaluate
from safr_lens.measures.reliance import reliance
from safr_lens.models.classifier import HookedClassifier
from safr_lens.settings import DataConfig, Settings
from safr_lens.training.loop import TrainResult, train
from safr_lens.training.metrics import as_dict
from safr_lens.training.run_folder import METRICS
from safr_lens.training.same_settings import check_same, describe


def train_run(
    settings: Settings,
    *,
    out: Path | None,
    data: TextData | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    title: str = "training",
) -> TrainResult:
    """Load the data, make tokenizer and model, and train.

    Args:
        settings: see :func:`safr_lens.settings.make_settings`.
        out: folder of the run.
        data: the data, if it is loaded already.
        resume, overwrite, progress, title: as in :func:`safr_lens.train`.

    Raises:
        SafrLensError: whatever is wrong with settings, data or folder; nothing is written then.
    """
    data = data or _load(settings.data)
    tokenizer = train_tokenizer(
        (row["text"] for row in data["train"]),
        kind=settings.data.tokenizer,
        min_frequency=settings.data.min_frequency,
    )
    model = HookedClassifier.from_config(
        settings.model, tokenizer=tokenizer, labels=data.labels, seed=settings.train.seed
    )
    return train(
        model,
        data,
        settings.train,
        penalty=settings.penalty,
        out=out,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
        title=title,
    )


def finished_run(folder: Path, settings: Settings, data: TextData) -> tuple[HookedClassifier, dict[str, Any]] | None:
    """Return model and metrics of a finished run with the same settings, or None where none is finished.

    Raises:
        CheckpointError: the folder holds a run with other settings, or a damaged one.
    """
    path = folder / METRICS
    if not path.is_file():
        return None
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        found = metrics["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}). Remove {folder}, or use --overwrite.") from None
    check_same(found, describe(settings.model, data, settings.train, settings.penalty), folder)
    return HookedClassifier.from_pretrained(folder), metrics


def held_out_split(source: str, split: str, *, labels: Sequence[str], **columns: Any) -> Split:
    """Return one split of some data for a trained model; a single file is used whole.

    Args:
        source: as in :func:`safr_lens.load_data`.
        split: which split.
        labels: the model's classes.
        **columns: ``text_column``, ``label_column``, ``streaming``.

    Raises:
        DataError: data that cannot be used, or that lacks the split.
    """
    if split not in SPLITS:
        raise DataError(f"Unknown split {split!r}; expected {', '.join(SPLITS)}.{near_matches(split, SPLITS)}")
    single_file = Path(source).is_file()
    data = load_data(source, labels=labels, cut_missing=not single_file, **columns)
    return data["test" if single_file else split]


def evaluate_run(model: HookedClassifier, split: Split) -> dict[str, Any]:
    """Return accuracy, loss and reliance as JSON holds them."""
    test = evaluate(model, split)
    return {"test": as_dict(test), "reliance": reliance(model, split, intact=test).to_dict()}


def _load(config: DataConfig) -> TextData:
    source: Any = config.data
    if config.test_data is not None:
        if not Path(str(source)).is_file():
            raise DataError(f"--test-data goes with a single file as --data; {source!r} is none.")
        source = {"train": source, "test": config.test_data}
    return load_data(
        source, text_column=config.text_column, label_column=config.label_column, streaming=config.streaming
    )
