"""``train``: from a model, data and settings to a trained model, its metrics and its history."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from safr_lens.artefacts import locked
from safr_lens.data.dataset import TextData
from safr_lens.data.rows import Data
from safr_lens.data.tokenized import kept_streams
from safr_lens.data.unknown import tokenizer_warning
from safr_lens.models.classifier import HookedClassifier
from safr_lens.penalty.encoder import encoder_penalty
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.processes import is_main, join, process_share
from safr_lens.training.config import TrainConfig
from safr_lens.training.history import EpochRecord
from safr_lens.training.loop import Trainer
from safr_lens.training.phases import trained
from safr_lens.training.run_folder import RunFolder
from safr_lens.training.shares import launch_warnings
from safr_lens.training.task import Task, checked_data, task_words
from safr_lens.training.trained_rows import fingerprints
from safr_lens.visible import visible
from safr_lens.word_vectors import WordVectors


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    Attributes:
        model: the classifier with the weights of its best epoch, in evaluation mode.
        metrics: what stands in ``metrics.json``.
        history: one record an epoch.
        out: the folder it was written to, if any.
    """

    model: HookedClassifier
    metrics: dict[str, Any]
    history: list[EpochRecord]
    out: Path | None = field(default=None)

    def __repr__(self) -> str:
        accuracy = self.metrics["test"]["accuracy"]
        return f"<TrainResult: test accuracy {accuracy:.1%} after {len(self.history)} epochs; out={self.out}>"


def train(
    model: HookedClassifier,
    data: TextData | str | Path | Data,
    config: TrainConfig | None = None,
    *,
    penalty: SafrPenalty | None = None,
    word_vectors: WordVectors | str | Path | None = None,
    vectors_folder: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    title: str = "training",
) -> TrainResult:
    """Train a classifier and keep the weights of its best epoch on the validation split.

    By default those of an epoch are the mean over all steps so far (``config.average_weights``), steps before a
    schedule has settled included.

    The best epoch (``config.metric_for_best_model``) is chosen among those that follow the last change of a weight's
    schedule (or is the last one, when ``config.epochs`` ends before it), so that no model is kept that the penalty had
    not yet reached.

    Args:
        model: an untrained or trained classifier; it is trained in place.
        data: train, validation and test splits; what else :func:`safr_lens.load_data` takes is loaded with it, as the
            model's classes.
        config: epochs, batches, optimizer, seed.
        penalty: the terms beside the cross-entropy; by default SAFR on neurons, on a pretrained encoder the preset
            ``"pretrained"``.
        word_vectors: where penalty or embedding use word vectors: those, or a file of them
            (:func:`safr_lens.word_vectors.read_word_vectors`); by default the encoder's own token embeddings, or else
            made from the training split.
        vectors_folder: where the token vectors of a frozen encoder are kept, for all trainings on the same texts; by
            default ``~/.cache/safr_lens/token_vectors``.
        out: a folder for weights, ``metrics.json`` and ``history.jsonl``; without it nothing is written.
        resume: resume the unfinished training in ``out``, if there is one.
        overwrite: replace a finished training in ``out``.
        progress: show progress on standard error.
        title: what the progress calls this training.

    Returns:
        The model, its metrics (with reliance) and its history.

    Raises:
        ConfigError, DataError: settings or data that cannot be used; nothing has been written then.
        CheckpointError: ``out`` holds another training.
        TrainingError: the loss or a gradient is not finite; the best weights so far are kept.

    >>> from datasets import Dataset
    >>> import safr_lens
    >>> rows = [{"text": ("a dull film", "a good film")[i % 2], "label": i % 2} for i in range(64)]
    >>> splits = {split: Dataset.from_list(rows) for split in ("train", "validation", "test")}
    >>> data = safr_lens.TextData(source="example", labels=("negative", "positive"), splits=splits)
    >>> tokenizer = safr_lens.train_tokenizer(data["train"]["text"])
    >>> config = safr_lens.ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = safr_lens.HookedClassifier.from_config(config, tokenizer=tokenizer, labels=data.labels)
    >>> result = safr_lens.train(model, data, TrainConfig(epochs=2), progress=False)
    >>> sorted(result.history[0].terms)
    ['cross_entropy', 'importance', 'information', 'interaction']
    """
    config = config or TrainConfig()
    penalty = penalty or _default_penalty(model, config)
    join()
    with nullcontext() if out is None else locked(out):  # ahead of all work: it may be another's, or not writable
        data = kept_streams(checked_data(model, data, config, penalty), model.tokenizer)
        warnings = _said_warnings(model, data, config, shown=progress)
        task = Task(model, data, config, penalty, task_words(model, data, config, penalty, given=word_vectors))
        folder = None
        if out is not None:
            launched = task.settings | {"launch": {"processes": process_share()[1]}}
            folder = RunFolder(Path(out), launched, fingerprints(data), resume=resume, overwrite=overwrite)
        source = None if task.words is None else task.words.source
        model.compared = penalty.compared(task.table, source)
        trainer = Trainer(model, data, config, penalty, folder, task.table)
        done = len(trainer.records)
        with trained(trainer, penalty, vectors_folder, title=title, shown=progress):
            seconds = sum(record.seconds for record in trainer.records[done:])
            metrics = trainer.finish(task.settings, seconds=seconds, word_vectors=source, warnings=warnings)
        return TrainResult(model, metrics, trainer.records, folder.path if folder else None)


def _said_warnings(model: HookedClassifier, data: TextData, config: TrainConfig, *, shown: bool) -> list[str]:
    warnings = [*filter(None, [tokenizer_warning(model.tokenizer, data["validation"])]), *launch_warnings(config)]
    for warning in warnings if shown and is_main() else ():
        Console(stderr=True).print(Text(visible(f"Warning: {warning}")))
    return warnings


def _default_penalty(model: HookedClassifier, config: TrainConfig) -> SafrPenalty:
    if model.config.encoder is None:
        return SafrPenalty()
    return encoder_penalty(vmask=model.vmask is not None, head_epochs=config.head_epochs)
