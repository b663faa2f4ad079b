"""The loop of a training: steps, epochs, early stopping, the best weights."""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, GradientAccumulationPlugin

from safr_lens.backbones.freezing import left_alone
from safr_lens.backbones.protocol import encoder_of
from safr_lens.data.batching import Batch, batches
from safr_lens.data.dataset import TextData
from safr_lens.errors import DataError, TrainingError
from safr_lens.measures.predictions import evaluate
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.learned import learned_state, load_learned
from safr_lens.models.word_start import start_from_words
from safr_lens.penalty.relatedness import unit_or_zero
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.processes import process_share, summed
from safr_lens.training.averaging import WeightAverage
from safr_lens.training.config import TrainConfig
from safr_lens.training.history import BestEpoch, EpochRecord
from safr_lens.training.metrics import final_metrics
from safr_lens.training.optimizer import make_optimizer, set_learning_rates
from safr_lens.training.progress import TrainProgress
from safr_lens.training.repeatable import mixed_seed
from safr_lens.training.run_folder import RunFolder
from safr_lens.training.shares import Share, agreed, check_launch, shares
from safr_lens.training.step import batch_terms, weighted_sum
from safr_lens.training.top_k import estimate_thresholds, step_k

Weights = dict[str, torch.Tensor]


class Trainer:
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
        # the config alone decides precision and accumulation, whatever the launcher's environment says
        self.accelerator = Accelerator(
            cpu=not torch.accelerator.is_available(),
            mixed_precision="no",
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
            kwargs_handlers=[
                DistributedDataParallelKwargs(broadcast_buffers=False, find_unused_parameters=config.head_epochs > 0)
            ],
        )
        check_launch(self.accelerator.distributed_type)
        self.batches_a_step = config.gradient_accumulation_steps * self.accelerator.num_processes
        self.is_main = self.accelerator.is_main_process
        if config.embedding_start == "words":
            start_from_words(model, vectors, seed=config.seed)
        model.to(self.accelerator.device)
        self.vectors = vectors.to(self.accelerator.device) if penalty.needs_words else None
        self.unit_vectors = None if self.vectors is None else unit_or_zero(self.vectors)
        optimizer = make_optimizer(model, config)
        self.records: list[EpochRecord] = []
        self.best: Weights = _copy(model)
        self.choice = BestEpoch(config, max(penalty.settled, config.k_epochs or 0.0, config.head_epochs))
        self.average = WeightAverage(model) if config.average_weights else None
        resumed = folder.resumed if folder else None
        if resumed:
            resumed.restore(model, optimizer, self.average)
            self.records, self.best = list(resumed.records), resumed.best
        self.wrapped, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.n_steps = self._steps_of_an_epoch()

    def run(self, bar: TrainProgress, *, last: int) -> None:
        """Train epoch by epoch until the last, or until patience ends."""
        while len(self.records) < last and not self.choice.patience_ended(self.records):
            epoch = len(self.records) + 1
            started = time.perf_counter()
            try:
                terms = self._epoch(epoch, bar)
            except TrainingError:
                load_learned(self.model, self.best)
                self.model.eval()
                raise
            with self.average.applied() if self.average else nullcontext():
                estimate_thresholds(self.model, self._batches(torch.Generator().manual_seed(self.config.seed)))
                found = evaluate(self.model, self.data["validation"])
                best = self.choice.improves(self.records, epoch=epoch, accuracy=found.accuracy, loss=found.loss)
                if best:
                    self.best = _copy(self.model)
                    if self.folder and self.is_main:
                        self.folder.keep_best(self.model)
            weights = self.penalty.weights(float(epoch))
            seconds = round(time.perf_counter() - started, 3)
            record = EpochRecord(epoch, terms, weights, found.accuracy, found.loss, best, seconds, self.n_steps)
            self.records.append(record)
            if self.folder and self.is_main:
                self.folder.keep(self.records, self.model, self.best, self.optimizer.optimizer, self.average)
            bar.epoch(record)

    def _epoch(self, epoch: int, bar: TrainProgress) -> dict[str, float]:
        # reseeded each epoch, so that a resumed training repeats the uninterrupted one
        torch.manual_seed(mixed_seed(self.config.seed, epoch, 0))
        order = torch.Generator().manual_seed(mixed_seed(self.config.seed, epoch))
        self.wrapped.train()
        sums: dict[str, float] = defaultdict(float)
        step = 0
        groups = self._groups(order)
        alone = encoder_of(self.model.adapter) if epoch <= self.config.head_epochs else None
        with nullcontext() if alone is None else left_alone(alone):
            while group := agreed(lambda: next(groups, None)):
                at = epoch - 1 + step / self.n_steps if self.n_steps else float(epoch - 1)
                set_learning_rates(self.optimizer, self.config, epoch=at)
                k = step_k(self.model, self.config, epoch=at)
                found = self._step(group, self.penalty.weights(at), epoch, first=step, k=k)
                step += len(group)
                for values in found:
                    for name, value in values.items():
                        sums[name] += value
                    bar.step(self.n_steps, step, epoch, values)
        if not step:
            raise DataError("The train split holds no texts; there is nothing to learn from.")
        self.n_steps = step
        self.model.eval()
        totals = summed(torch.tensor(list(sums.values()), dtype=torch.float64)).tolist()
        return {name: total / step for name, total in zip(sums, totals, strict=True)}

    def _groups(self, order: torch.Generator) -> Iterator[list[Batch]]:
        """Yield the batches of one optimizer step each, in all processes; the last of an epoch may have fewer."""
        all_batches = self._batches(order)
        while group := list(itertools.islice(all_batches, self.batches_a_step)):
            yield group

    def _step(
        self, group: list[Batch], weights: dict[str, float], epoch: int, *, first: int, k: int | None
    ) -> list[dict[str, float]]:
        """Make one optimizer step and return the terms of each batch that this process ran."""
        process, n_processes = process_share()
        mine = shares(group, first, process=process, n_processes=n_processes)
        found = []
        for share in mine:
            with nullcontext() if share is mine[-1] else self.accelerator.no_sync(self.wrapped):
                loss, terms = agreed(partial(self._loss, share, weights, epoch, k=k))
                self.accelerator.backward(loss)
            found.append({name: value if share.weight else 0.0 for name, value in terms.items()})
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self._finite("gradient", norm.item(), epoch, batch=first + len(group))
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average:
            self.average.update()
        return found

    def _loss(
        self, share: Share, weights: dict[str, float], epoch: int, *, k: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of a batch, by its weight in the step, and its terms."""
        if self.batches_a_step > 1:  # whichever process runs a batch, and after whatever else
            torch.manual_seed(mixed_seed(self.config.seed, epoch, share.number))
        with self._precision():
            terms = batch_terms(
                self.wrapped,
                share.batch.to(self.accelerator.device),
                self.penalty,
                backbone=self.model.adapter,
                vectors=self.vectors,
                unit_vectors=self.unit_vectors,
                k=k,
            )
            loss = weighted_sum(terms, weights) * share.weight
        values = {name: term.item() for name, term in terms.items()}
        self._finite("loss", loss.item(), epoch, batch=share.number + 1, terms=values)
        return loss, values

    def _precision(self) -> torch.autocast:
        lower = self.config.mixed_precision == "bf16"
        return torch.autocast(self.accelerator.device.type, dtype=torch.bfloat16, enabled=lower)

    def _steps_of_an_epoch(self) -> int | None:
        """Known ahead, or from the epoch before, but not in the first epoch of a stream."""
        if self.records:
            return self.records[-1].steps
        if self.data.streaming:
            return None
        return math.ceil(len(self.data["train"]) / self.config.batch_size)

    def _finite(
        self, what: str, value: float, epoch: int, *, batch: int, terms: Mapping[str, float] = MappingProxyType({})
    ) -> None:
        if not math.isfinite(value):
            named = [f"{name} is {term}" for name, term in terms.items() if not math.isfinite(term)]
            where = f"batch {batch:,}" + (f" ({', '.join(named)})" if named else "")
            kept = self.folder.said_of_weights(self.records) if self.folder else ""
            raise TrainingError(
                f"The {what} became {value} in epoch {epoch}, {where}. Lower the learning rate "
                f"({self.config.learning_rate:g}) or the weights of the penalty.{kept}"
            )

    def _batches(self, order: torch.Generator) -> Iterator[Batch]:
        return batches(
            self.data["train"],
            self.model.tokenizer,
            n_ctx=self.model.config.n_ctx,
            batch_size=self.config.batch_size,
            generator=order,
        )

    def finish(self, settings: dict[str, Any], **facts: Any) -> dict[str, Any]:
        """Restore the best weights, measure them on the test split, and write everything down, with some facts."""
        self.model = self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False)
        load_learned(self.model, self.best)
        self.model.eval()
        # the same MLPs whatever the site, or models could not be compared
        layers = self.penalty.layers or (self.model.config.n_layers - 1,)
        metrics = final_metrics(self.model, self.data, self.records, settings, layers=layers, **facts)
        if self.folder and self.is_main:
            self.folder.finish(self.model, metrics, self.records)
        self.accelerator.wait_for_everyone()
        return metrics


def _copy(model: torch.nn.Module) -> Weights:
    return {name: tensor.detach().cpu().clone() for name, tensor in learned_state(model).items()}
