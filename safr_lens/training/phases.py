"""The two phases of a training: a neuron head alone, where that is asked for, and then everything that is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from safr_lens.backbones.checkpointing import checkpointed
from safr_lens.backbones.protocol import encoder_of
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.training.encoder_vectors import kept_vectors
from safr_lens.training.loop import Trainer
from safr_lens.training.progress import TrainProgress
from safr_lens.training.repeatable import repeatable


@contextmanager
def trained(
    trainer: Trainer, penalty: SafrPenalty, vectors_folder: str | Path | None, *, title: str, shown: bool
) -> Iterator[None]:
    """Run a training to its end, and leave what is kept of a frozen encoder in place for a ``with`` block behind it.

    Args:
        trainer: at its first epoch, or at the one to resume at.
        penalty: says into which layers it looks.
        vectors_folder, title, shown: as in :func:`safr_lens.train`.
    """
    model, config = trainer.model, trainer.config
    kept = partial(
        kept_vectors, model, trainer.data, penalty, vectors_folder, accelerator=trainer.accelerator, shown=shown
    )
    if len(trainer.records) < config.head_epochs:
        with kept(head_alone=True):
            _run(trainer, config.head_epochs, f"{title}, head alone", shown=shown)
    encoder = encoder_of(model.adapter) if config.gradient_checkpointing else None
    again = nullcontext() if encoder is None else checkpointed(encoder.blocks)
    with again, kept():  # lower blocks that do not run are not computed again either
        _run(trainer, config.all_epochs, title, shown=shown)
        yield


def _run(trainer: Trainer, last: int, title: str, *, shown: bool) -> None:
    done, shown = len(trainer.records), shown and trainer.is_main
    with repeatable(trainer.accelerator.device), TrainProgress(epochs=last, done=done, title=title, shown=shown) as bar:
        trainer.run(bar, last=last)
