"""A ``torchmetrics.Metric`` that gives a dataclass."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import fields
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat, dim_zero_sum

from safr_lens.processes import gathered, summed

Result = TypeVar("Result")


class ReducedMetric(Metric):
    """A metric whose sums are added up where they are, and whose rows come together even from a process without any.

    torchmetrics itself first holds the states of all processes in each, and waits forever where one has no rows.
    """

    def _sync_dist(self, dist_sync_fn: Any = gathered, process_group: Any = None) -> None:
        for name, reduce in self._reductions.items():
            state = getattr(self, name)
            if reduce is dim_zero_sum:
                setattr(self, name, summed(state))
                continue
            whole = isinstance(state, Tensor)
            own = state if whole else dim_zero_cat(state or [torch.empty(0, dtype=self.dtype, device=self.device)])
            found = torch.stack(gathered(own)) if whole else gathered(own)
            setattr(self, name, found if reduce is None else reduce(found))


class DataclassMetric(ReducedMetric, Generic[Result]):
    """A metric over a stream, merged over processes by torchmetrics.

    ``result()`` gives a dataclass; ``compute()`` gives its fields as a dict, since torchmetrics takes the values of
    ``compute`` apart, squeezes what has one element, and refuses frozen dataclasses.
    """

    full_state_update = False

    @abstractmethod
    def _result(self) -> Result:
        """Return the result of the state as it is, which is that of all processes while torchmetrics synchronises."""

    def result(self) -> Result:
        """Return the result of all that was added, in all processes."""
        with self.sync_context():
            return self._result()

    def taken(self) -> Result:
        """Return the result and let go of the states, which would live on."""
        result = self.result()  # a metric of torchmetrics refers to itself: only the garbage collector would free it
        for name, default in self._defaults.items():
            setattr(self, name, default)
        return result

    def compute(self) -> dict[str, Any]:
        """Return the fields of :meth:`result`."""
        result = self._result()
        return {field.name: getattr(result, field.name) for field in fields(result)}
