"""Several processes of one launch (``accelerate launch``, ``torchrun``): what they share, how they stop together."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from typing import TypeVar

import torch
from accelerate import PartialState
from torch import Tensor, distributed, nn
from torch.distributed import distributed_c10d
from torchmetrics.utilities.distributed import gather_all_tensors

from safr_lens.launch import n_launched

Model = TypeVar("Model", bound=nn.Module)
MAX_DIMS = 8
MAX_BYTES = 2000
DTYPES = (torch.float32, torch.float64, torch.int64, torch.int32, torch.bool, torch.bfloat16, torch.float16)


def join() -> PartialState:
    """Join the other processes of the launch, if there are any, until this one ends.

    Without accelerators accelerate must be told so, or each process would work on its own.
    """
    atexit.register(_leave)
    return PartialState(cpu=not torch.accelerator.is_available())


def _leave() -> None:
    """Leave the others: threads of gloo that are still there when Python ends may abort the process.

    That is rarer then, not impossible: https://github.com/pytorch/pytorch/pull/179291.
    """
    if distributed.is_available() and distributed.is_initialized() and distributed.get_backend() == "gloo":
        distributed.destroy_process_group()


def on_own_device(model: Model) -> Model:
    """Move a model to the accelerator of this process, where several were launched."""
    return model.to(join().device) if n_launched() > 1 else model


def process_share() -> tuple[int, int]:
    """Return number of this process and number of processes; (0, 1) where none have joined."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def is_main() -> bool:
    """Whether this process prints and writes."""
    return process_share()[0] == 0


def gathered(tensor: Tensor, group: distributed.ProcessGroup | None = None) -> list[Tensor]:
    """Return the tensors of all processes, whose first dimensions may differ.

    Where a process has an empty one, the others say what shape and type its rows would have had:
    :func:`torchmetrics.utilities.distributed.gather_all_tensors` waits forever for a process without data.
    """
    n_processes = process_share()[1]
    if n_processes == 1:
        return [tensor]
    own = tensor.to(_device())
    header = torch.zeros(2 + MAX_DIMS, dtype=torch.int64, device=own.device)
    header[: 2 + own.ndim] = torch.tensor([own.ndim, DTYPES.index(own.dtype), *own.shape], device=own.device)
    headers = [torch.zeros_like(header) for _ in range(n_processes)]
    distributed.all_gather(headers, header, group=group)
    if tensor.numel() == 0:
        shapes = [(DTYPES[kind], shape[:n_dims]) for n_dims, kind, *shape in (one.tolist() for one in headers)]
        filled = [(dtype, shape) for dtype, shape in shapes if 0 not in shape]
        dtype, shape = filled[0] if filled else shapes[0]
        own = own.new_empty([0, *shape[1:]], dtype=dtype)
    return [one.to(tensor.device) for one in gather_all_tensors(own, group)]


def gathered_in_order(numbers: Sequence[int], rows: Tensor) -> Tensor:
    """Return the rows of all processes, sorted by their numbers."""
    order = torch.cat(gathered(torch.tensor(numbers, dtype=torch.int64))).argsort()
    return torch.cat(gathered(rows))[order]


def summed(tensor: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes."""
    if process_share()[1] == 1:
        return tensor
    total = tensor.to(_device(), copy=True)
    distributed.all_reduce(total)
    return total.to(tensor.device)


def first_failure(message: str | None) -> str | None:
    """Return what the first process with a message says, in all processes; None where none has one."""
    process, n_processes = process_share()
    first = torch.tensor(n_processes if message is None else process, device=_device())
    distributed.all_reduce(first, op=distributed.ReduceOp.MIN)
    if int(first) == n_processes:
        return None
    said = torch.zeros(MAX_BYTES, dtype=torch.uint8, device=first.device)
    if message is not None:
        text = message.encode()[:MAX_BYTES]
        said[: len(text)] = torch.tensor(list(text), dtype=torch.uint8)
    distributed.broadcast(said, src=int(first))
    return bytes(said.tolist()).rstrip(b"\0").decode(errors="ignore")


def first_to_stop() -> bool:
    """Whether no other process has said yet that it stops; the first says why, for all.

    The store of the launch counts them, since the others may be waiting for this process in any exchange.
    """
    if process_share()[1] == 1:
        return True
    try:
        return distributed_c10d._get_default_store().add("safr_lens/stopped", 1) == 1
    except RuntimeError:  # the launcher, whose store it is, has gone
        return True


def lost_another(error: Exception) -> bool:
    """Whether an error says that another process has gone, while this one waited for it."""
    said = isinstance(error, distributed.DistError) or "gloo" in str(error)
    return said and process_share()[1] > 1


def _device() -> torch.device:
    """Return where tensors must be to be exchanged."""
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None or distributed.get_backend() in ("gloo", "mpi"):
        return torch.device("cpu")
    return torch.device(accelerator.type, torch.accelerator.current_device_index())
