"""From settings to a trained run."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from safr_lens.artefacts import locked
from safr_lens.data.dataset import TextData
from safr_lens.data.load import load_data
from safr_lens.data.rows import Data
from safr_lens.data.tokenizer import train_tokenizer
from safr_lens.data.unknown import tokenizer_warning
from safr_lens.errors import CheckpointError, DataError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.runs.pretrained_settings import PretrainedConfig
from safr_lens.runs.record import run_record
from safr_lens.runs.settings import DataConfig, Settings
from safr_lens.training.run_folder import METRICS, check_same, drop_stale_state, other_columns
from safr_lens.training.task import Task, task_words
from safr_lens.training.train_model import TrainResult, train
from safr_lens.training.trained_rows import check_same_rows, fingerprints
from safr_lens.word_vectors import WordVectors


def train_run(
    settings: Settings,
    *,
    out: Path | None,
    data: TextData | Data | None = None,
    word_vectors: WordVectors | None = None,
    **options: Any,
) -> TrainResult:
    """Load the data, make tokenizer and model, and train.

    ``data`` and ``word_vectors`` (:func:`run_vectors`) may be loaded or made already; other arguments are those of
    :func:`safr_lens.train`.

    Raises:
        SafrLensError: whatever is wrong with settings, data or folder; nothing is written then.
    """
    with nullcontext() if out is None else locked(out):  # ahead of reading the data
        data = given_data(settings.data, data)
        model = settings_model(settings, data)
        vectors = word_vectors or run_vectors(settings, data, model)
        return train(model, data, settings.train, penalty=settings.penalty, word_vectors=vectors, out=out, **options)


def settings_model(settings: Settings, data: TextData) -> HookedClassifier:
    """Return the untrained classifier that settings name, with a tokenizer from the training split or its encoder's."""
    config, seed = settings.model, settings.train.seed
    if isinstance(config, PretrainedConfig):
        chosen = dataclasses.asdict(config)
        source = chosen.pop("backbone")
        return HookedClassifier.from_pretrained_backbone(source, labels=data.labels, seed=seed, **chosen)
    texts, kind = (row["text"] for row in data["train"]), settings.data.tokenizer
    tokenizer = train_tokenizer(texts, kind=kind, min_frequency=settings.data.min_frequency)
    return HookedClassifier.from_config(config, tokenizer=tokenizer, labels=data.labels, seed=seed)


def run_vectors(settings: Settings, data: TextData, model: HookedClassifier | None = None) -> WordVectors | None:
    """Return the word vectors that a training uses, or None where it uses none.

    They are read from the file ``word_vectors``, or made from the training split of ``word_vectors_from``, or are the
    token embeddings of the encoder, or else made from the training split of the data. They serve all trainings whose
    settings differ in seed or penalty alone; making them may take seconds.

    Raises:
        ConfigError, DataError: texts that give no useful vectors, or are named for nothing.
    """
    model = model or settings_model(settings, data)
    given, from_data = settings.data.word_vectors, settings.data.word_vectors_from
    try:
        return task_words(model, data, settings.train, settings.penalty, given=given, from_data=from_data)
    except DataError as error:
        # texts that the tokenizer cannot read give no vectors either, and that must come first
        warning = tokenizer_warning(model.tokenizer, data["validation"])
        raise DataError(f"{warning} {error}" if warning else str(error)) from None


def finished_run(
    folder: Path, settings: Settings, data: TextData, word_vectors: WordVectors | None
) -> HookedClassifier | None:
    """Return the model of a finished run with the same settings, data and word vectors; None where none is finished.

    Raises:
        CheckpointError: the folder holds a run with other settings, or a damaged one.
    """
    with locked(folder):
        drop_stale_state(folder)
    path = folder / METRICS
    if not path.is_file():
        return None
    record = run_record(folder)
    if "settings" not in record.metrics:
        raise CheckpointError(f"{path} is damaged (it lacks its settings). Remove {folder}, or use --overwrite.")
    kept = record.metrics["settings"]
    asked = Task(settings_model(settings, data), data, settings.train, settings.penalty, word_vectors).settings
    check_same_rows(record.rows, fingerprints(data), folder, columns=other_columns(kept, asked))
    check_same(kept, asked, folder, same_rows=record.rows is not None)
    return HookedClassifier.from_pretrained(folder)


def given_data(config: DataConfig, data: Any) -> TextData:
    """Return data that is loaded already, load what is in memory, or else load the data that settings name."""
    if isinstance(data, TextData):
        return data
    options: dict[str, Any] = {name: getattr(config, name) for name in ("labels", "text_column", "label_column")}
    if data is None:
        data = config.data if config.test_data is None else {"train": config.data, "test": config.test_data}
        options |= {name: getattr(config, name) for name in ("header", "encoding", "streaming")}
    return load_data(data, **options)
