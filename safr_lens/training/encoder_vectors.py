"""A training that reads the token vectors of its frozen encoder instead of running it at each step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import Accelerator
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from safr_lens.activations.token_vectors import TokenVectors, keep_token_vectors, needs_encoder, vectors_folder
from safr_lens.backbones import NeuronHeadAdapter
from safr_lens.data.dataset import TextData
from safr_lens.models.classifier import HookedClassifier
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.visible import visible


def reads_kept_vectors(model: HookedClassifier, data: TextData, penalty: SafrPenalty) -> bool:
    """Whether nothing of a training needs the encoder itself.

    Its weights are frozen, no term of the penalty and no hook of the user looks into it, and the data is no stream,
    whose token vectors may not fit on the disk.
    """
    adapter = model.adapter
    if not isinstance(adapter, NeuronHeadAdapter) or data.streaming or needs_encoder(adapter):
        return False
    return not set(penalty.hook_names(adapter)) & set(adapter.encoder.hook_points)


@contextmanager
def kept_vectors(
    model: HookedClassifier,
    data: TextData,
    penalty: SafrPenalty,
    folder: str | Path | None,
    *,
    accelerator: Accelerator,
    shown: bool,
) -> Iterator[None]:
    """Compute the token vectors of all splits, or find them in ``folder``, and let the model read them for a block.

    Where a training needs the encoder itself, nothing is computed and it runs at each step.
    """
    if not reads_kept_vectors(model, data, penalty):
        yield
        return
    adapter = model.adapter
    assert isinstance(adapter, NeuronHeadAdapter)
    inside = vectors_folder() if folder is None else Path(folder)
    console = Console(stderr=True, quiet=not (shown and accelerator.is_main_process))
    with accelerator.main_process_first(), _progress(console) as bar:
        stores = []
        for name, split in data.items():
            task = bar.add_task(f"token vectors, {name} split", total=len(split))
            stores.append(
                keep_token_vectors(model, split, inside, progress=lambda n, task=task: bar.update(task, completed=n))
            )
    size = sum(path.stat().st_size for store in stores for path in store.folder.iterdir())
    said = f"  token vectors of the encoder: {size / 1e6:,.0f} MB in {inside}, for further trainings"
    console.print(Text(visible(said)))
    with TokenVectors(stores, adapter).used():
        yield


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
