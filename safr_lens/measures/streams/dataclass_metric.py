"""A ``torchmetrics.Metric`` that gives a dataclass."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import fields
from typing import Any, Generic, TypeVar

from torchmetrics import Metric

Result = TypeVar("Result")


class DataclassMetric(Metric, Generic[Result]):
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

    def compute(self) -> dict[str, Any]:
        """Return the fields of :meth:`result`."""
        result = self._result()
        return {field.name: getattr(result, field.name) for field in fields(result)}
