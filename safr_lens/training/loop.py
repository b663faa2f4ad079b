"""``train``: epochs, early stopping, the best weights."""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console
from rich.text import Text

from safr_lens.data.batching import Batch, batches
from safr_lens.data.dataset import TextData
from safr_lens.data.labelled_rows import advised
from safr_lens.data.load import load_data
from safr_lens.data.rows import Data
from safr_lens.data.unknown import tokenizer_warning
from safr_lens.errors import ConfigError, DataError, TrainingError
from safr_lens.measures.predictions import evaluate
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.encoder_words import encoder_word_vectors
from safr_lens.models.learned import learned_state, load_learned
from safr_lens.models.word_start import start_from_words
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.training.averaging import WeightAverage
from safr_lens.training.config import TrainConfig, uses_words
from safr_lens.training.encoder_vectors import kept_vectors
from safr_lens.training.history import BestEpoch, EpochRecord
from safr_lens.training.metrics import describe, final_metrics
from safr_lens.training.optimizer import make_optimizer, set_learning_rates
from safr_lens.training.progress import TrainProgress
from safr_lens.training.repeatable import mixed_seed, repeatable
from safr_lens.training.run_folder import RunFolder
from safr_lens.training.step import batch_terms, weighted_sum
from safr_lens.training.trained_rows import fingerprints
from safr_lens.word_vectors import WordVectors, embedding_table, training_vectors
from safr_lens.word_vectors.table import checksum

Weights = dict[str, torch.Tensor]


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
    config, penalty = config or TrainConfig(), penalty or _default_penalty(model)
    penalty.hook_names(model.adapter)  # raises where a layer is missing
    if not isinstance(data, TextData):
        with advised("load_data(data, classes=model.labels, labels=...)"):
            data = load_data(data, classes=model.labels)
    _check_meaning(model, data, config, penalty)
    _check_data(model, data)
    warning = tokenizer_warning(model.tokenizer, data["validation"])
    if warning and progress:
        Console(stderr=True).print(Text(f"Warning: {warning}"))
    used = uses_words(config, penalty)
    if used and word_vectors is None and model.config.encoder is not None:
        word_vectors = encoder_word_vectors(model)
    found = training_vectors(data, model.tokenizer, used=used, widest=model.config.d_model, given=word_vectors)
    vectors = None if found is None else embedding_table(found, model.tokenizer)
    settings = describe(model.config, data, config, penalty, None if found is None else checksum(found, vectors))
    folder = None
    if out is not None:
        folder = RunFolder(Path(out), settings, fingerprints(data), resume=resume, overwrite=overwrite)
    model.compared = penalty.compared(vectors, None if found is None else found.source)
    trainer = _Trainer(model, data, config, penalty, folder, vectors)
    kept = kept_vectors(model, data, penalty, vectors_folder, accelerator=trainer.accelerator, shown=progress)
    with kept:
        started = time.perf_counter()
        with (
            repeatable(trainer.accelerator.device),
            TrainProgress(
                epochs=config.epochs, done=len(trainer.records), title=title, shown=progress and trainer.is_main
            ) as bar,
        ):
            trainer.run(bar)
        seconds = time.perf_counter() - started
        metrics = trainer.finish(
            settings,
            seconds=seconds,
            word_vectors=None if found is None else found.source,
            warnings=[warning] if warning else [],
        )
    return TrainResult(model, metrics, trainer.records, folder.path if folder else None)


class _Trainer:
    """One training in progress."""

    def __init__(
        self,
        model: HookedClassifier,
        data: TextData,
        config: TrainConfig,
        penalty: SafrPenalty,
        folder: RunFolder | None,
        vectors: torch.Tensor | None,
    ) -> None:
        self.model, self.data, self.config, self.penalty, self.folder = model, data, config, penalty, folder
        # without cpu=True, several processes without accelerators would each train on their own
        # the config alone decides the precision, whatever the launcher's environment says
        self.accelerator = Accelerator(cpu=not torch.accelerator.is_available(), mixed_precision="no")
        self.is_main = self.accelerator.is_main_process
        if config.embedding_start == "words":
            start_from_words(model, vectors, seed=config.seed)
        model.to(self.accelerator.device)
        self.vectors = vectors.to(self.accelerator.device) if penalty.needs_words else None
        optimizer = make_optimizer(model, config)
        self.records: list[EpochRecord] = []
        self.best: Weights = _copy(model)
        self.choice = BestEpoch(config, penalty.settled)
        self.average = WeightAverage(model) if config.average_weights else None
        resumed = folder.resumed if folder else None
        if resumed:
            resumed.restore(model, optimizer, self.average)
            self.records, self.best = list(resumed.records), resumed.best
        self.wrapped, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.n_steps = self._steps_of_an_epoch()

    def run(self, bar: TrainProgress) -> None:
        """Train epoch by epoch until the last, or until patience ends."""
        while len(self.records) < self.config.epochs and not self.choice.patience_ended(self.records):
            epoch = len(self.records) + 1
            started = time.perf_counter()
            terms = self._epoch(epoch, bar)
            with self.average.applied() if self.average else nullcontext():
                found = evaluate(self.model, self.data["validation"])
                best = self.choice.improves(self.records, epoch=epoch, accuracy=found.accuracy, loss=found.loss)
                if best:
                    self.best = _copy(self.model)
                    if self.folder and self.is_main:
                        self.model.save_pretrained(self.folder.path)
            weights = self.penalty.weights(float(epoch))
            seconds = round(time.perf_counter() - started, 3)
            record = EpochRecord(epoch, terms, weights, found.accuracy, found.loss, best, seconds, self.n_steps)
            self.records.append(record)
            if self.folder and self.is_main:
                self.folder.keep(self.records, self.model, self.best, self.optimizer.optimizer, self.average)
            bar.epoch(record)

    def _epoch(self, epoch: int, bar: TrainProgress) -> dict[str, float]:
        # reseeded each epoch, so that a resumed training repeats the uninterrupted one
        torch.manual_seed(mixed_seed(self.config.seed, epoch, self.accelerator.process_index))
        order = torch.Generator().manual_seed(mixed_seed(self.config.seed, epoch))
        self.wrapped.train()
        sums: dict[str, float] = defaultdict(float)
        step = 0
        for group in self._groups(order):
            at = epoch - 1 + step / self.n_steps if self.n_steps else float(epoch - 1)
            set_learning_rates(self.optimizer, self.config, epoch=at)
            for values in self._step(group, self.penalty.weights(at), epoch):
                step += 1
                for name, value in values.items():
                    sums[name] += value
                bar.step(self.n_steps, step, epoch, values)
        if not step:
            raise DataError("The train split holds no texts; there is nothing to learn from.")
        self.n_steps = step
        self.model.eval()
        return {name: total / step for name, total in sums.items()}

    def _groups(self, order: torch.Generator) -> Iterator[list[Batch]]:
        """Yield the batches of one optimizer step each; the last group of an epoch may be smaller."""
        mine = self._batches(order)
        while group := list(itertools.islice(mine, self.config.gradient_accumulation_steps)):
            yield group

    def _step(self, group: list[Batch], weights: dict[str, float], epoch: int) -> list[dict[str, float]]:
        """Make one optimizer step and return the terms of each batch."""
        found = []
        for number, batch in enumerate(group, start=1):
            last = number == len(group)
            with nullcontext() if last else self.accelerator.no_sync(self.wrapped):
                with self._precision():
                    terms = batch_terms(
                        self.wrapped,
                        batch.to(self.accelerator.device),
                        self.penalty,
                        backbone=self.model.adapter,
                        vectors=self.vectors,
                    )
                    loss = weighted_sum(terms, weights) / len(group)
                self._finite("loss", loss.item(), epoch)
                self.accelerator.backward(loss)
            found.append({name: term.item() for name, term in terms.items()})
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self._finite("gradient", norm.item(), epoch)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average:
            self.average.update()
        return found

    def _precision(self) -> torch.autocast:
        lower = self.config.mixed_precision == "bf16"
        return torch.autocast(self.accelerator.device.type, dtype=torch.bfloat16, enabled=lower)

    def _steps_of_an_epoch(self) -> int | None:
        """Known ahead, or from the epoch before, but not in the first epoch of a stream."""
        if self.records:
            return self.records[-1].steps
        if self.data.streaming:
            return None
        n_batches = math.ceil(len(self.data["train"]) / self.config.batch_size)
        return n_batches // self.accelerator.num_processes

    def _finite(self, what: str, value: float, epoch: int) -> None:
        if not math.isfinite(value):
            load_learned(self.model, self.best)
            self.model.eval()
            kept = f" The best weights so far are in {self.folder.path}." if self.folder and self.records else ""
            raise TrainingError(
                f"The {what} became {value} in epoch {epoch}. Lower the learning rate "
                f"({self.config.learning_rate:g}) or the weights of the penalty.{kept}"
            )

    def _batches(self, order: torch.Generator) -> Iterator[Batch]:
        """Yield this process's share: of each group of as many batches as there are processes, one."""
        model, n, mine = self.model, self.accelerator.num_processes, self.accelerator.process_index
        all_batches = batches(
            self.data["train"],
            model.tokenizer,
            n_ctx=model.config.n_ctx,
            batch_size=self.config.batch_size,
            generator=order,
        )
        while len(group := list(itertools.islice(all_batches, n))) == n:
            yield group[mine]

    def finish(
        self, settings: dict[str, Any], *, seconds: float, word_vectors: str | None, warnings: list[str]
    ) -> dict[str, Any]:
        """Restore the best weights, measure them on the test split, and write everything down."""
        self.model = self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False)
        load_learned(self.model, self.best)
        self.model.eval()
        # the same MLPs whatever the site, or models could not be compared
        layers = self.penalty.layers or (self.model.config.n_layers - 1,)
        metrics = final_metrics(
            self.model,
            self.data,
            self.records,
            settings,
            layers=layers,
            seconds=seconds,
            word_vectors=word_vectors,
            warnings=warnings,
        )
        if self.folder and self.is_main:
            self.folder.finish(self.model, metrics)
        self.accelerator.wait_for_everyone()
        return metrics


def _copy(model: torch.nn.Module) -> Weights:
    return {name: tensor.detach().cpu().clone() for name, tensor in learned_state(model).items()}


def _default_penalty(model: HookedClassifier) -> SafrPenalty:
    if model.config.encoder is None:
        return SafrPenalty()
    return SafrPenalty.preset("pretrained") if model.vmask is None else SafrPenalty.preset("strong", word_threshold=0.4)


def _check_meaning(model: HookedClassifier, data: TextData, config: TrainConfig, penalty: SafrPenalty) -> None:
    if penalty.site == "embedding" and not model.adapter.embedding.requires_grad:
        raise ConfigError('site="embedding" would change the token embedding, which is frozen; use site="neurons".')
    if config.warmup is not None and data.streaming:
        raise ConfigError("warmup needs data whose number of texts is known; leave out warmup, or streaming.")


def _check_data(model: HookedClassifier, data: TextData) -> None:
    for split in ("train", "validation", "test"):
        data[split]  # raises where it is missing
    if tuple(data.labels) != model.labels:
        how = (
            "Load the data with classes=model.labels, which orders them as the model does."
            if set(data.labels) == set(model.labels)
            else "State what the labels mean when you load the data: labels=model.labels if label 0 is the class "
            f"{model.labels[0]!r} and so on, else labels={{{data.labels[0]!r}: {model.labels[0]!r}, ...}}."
        )
        raise DataError(
            f"The data has {len(data.labels)} classes ({', '.join(data.labels)}), but the model has "
            f"{len(model.labels)} ({', '.join(model.labels)}). {how}"
        )
