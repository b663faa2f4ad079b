"""A training that reads what its frozen encoder, or its frozen lower blocks, make instead of running them each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import Accelerator
from rich.progress import MofNCompleteColumn, TaskID, TimeRemainingColumn
from rich.text import Text

from safr_lens.activations.token_vectors import KeptPart, TokenVectors, keep_token_vectors, vectors_folder
from safr_lens.backbones import NeuronHeadAdapter
from safr_lens.backbones.headed import HeadedAdapter
from safr_lens.data.dataset import TextData
from safr_lens.models.classifier import HookedClassifier
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.progress import progress_bar
from safr_lens.visible import visible


def kept_part(
    model: HookedClassifier, data: TextData, penalty: SafrPenalty, *, head_alone: bool = False
) -> KeptPart | None:
    """Return the part of an encoder that a training need not run at each step; None where it needs all of it.

    The part's weights are frozen, or not trained yet (``head_alone``), no term of the penalty, no gate of VMASK and no
    hook of the user looks into it, and the data is no stream, whose vectors may not fit on the disk.
    """
    adapter = model.adapter
    if not isinstance(adapter, HeadedAdapter) or data.streaming:
        return None
    whole = isinstance(adapter, NeuronHeadAdapter) and (adapter.frozen or head_alone)
    if not whole and not 0 < adapter.n_frozen < adapter.encoder.n_layers:
        return None
    part = KeptPart(adapter, None if whole else adapter.n_frozen)
    looked_at = set(penalty.hook_names(adapter))
    if model.vmask is not None or (model.config.dropout and not (whole and adapter.frozen)):
        looked_at.add(adapter.gated)
    return None if part.is_hooked() or looked_at & part.points else part


@contextmanager
def kept_vectors(
    model: HookedClassifier,
    data: TextData,
    penalty: SafrPenalty,
    folder: str | Path | None,
    *,
    accelerator: Accelerator,
    shown: bool,
    head_alone: bool = False,
) -> Iterator[None]:
    """Compute what the frozen part of an encoder makes of all splits, or find it in ``folder``, for a block.

    Where a training needs the encoder itself, nothing is computed and it runs at each step.
    """
    part = kept_part(model, data, penalty, head_alone=head_alone)
    if part is None:
        yield
        return
    what = "token vectors" if part.n_blocks is None else f"outputs of the {part.n_blocks} lowest blocks"
    inside = vectors_folder() if folder is None else Path(folder)
    bar = progress_bar(MofNCompleteColumn(), TimeRemainingColumn(), shown=shown and accelerator.is_main_process)
    with accelerator.main_process_first(), bar:
        stores = []
        for name, split in data.items():
            task = bar.add_task(f"{what}, {name} split", total=len(split))

            def told(n_texts: int, task: TaskID = task) -> None:
                bar.update(task, completed=n_texts)

            stores.append(keep_token_vectors(model, split, inside, part=part, progress=told))
    size = sum(path.stat().st_size for store in stores for path in store.folder.iterdir())
    said = f"  {what} of the encoder: {size / 1e6:,.0f} MB in {inside}, for further trainings"
    bar.console.print(Text(visible(said)))
    with TokenVectors(stores, part).used():
        yield
