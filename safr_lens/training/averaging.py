"""The mean of a training's weights: what is validated and kept, while the optimizer continues from its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from safr_lens.visible import listed

STEPS = "steps"


class WeightAverage:
    """Mean of the weights w_t after each of t steps of the optimizer: ``a_t = a_(t-1) + (w_t - a_(t-1)) / t``.

    It smooths the noise of single steps and lags behind them, which delays overfitting; no number has to be chosen.
    Source: Polyak and Juditsky 1992.

    :class:`torch.optim.swa_utils.AveragedModel` would copy the model, with the hooks that its user added.

    Args:
        model: whose trained parameters are averaged; nothing is counted before the first :meth:`update`.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> average = WeightAverage(model)
    >>> for weight in (0.0, 3.0):
    ...     _ = nn.init.constant_(model.weight, weight)
    ...     average.update()
    >>> with average.applied():
    ...     model.weight.item()
    1.5
    >>> model.weight.item()
    3.0
    """

    def __init__(self, model: nn.Module) -> None:
        self._parameters = {name: one for name, one in model.named_parameters() if one.requires_grad}
        self._means = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        self._steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Count the weights as they are now."""
        self._steps += 1
        for name, parameter in self._parameters.items():
            self._means[name].lerp_(parameter, 1 / self._steps)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the mean into the model, and its own weights back at the end."""
        own = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        self._put(self._means)
        try:
            yield
        finally:
            self._put(own)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the mean and the number of steps that it holds."""
        return {STEPS: torch.tensor(self._steps), **self._means}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Resume from what :meth:`state_dict` returned.

        Raises:
            ValueError: other weights than the model's.
        """
        names = {STEPS, *self._parameters}
        if set(state) != names:
            raise ValueError(f"the mean of the weights lacks {listed(sorted(names ^ set(state)))}")
        self._steps = int(state[STEPS])
        for name, mean in self._means.items():
            mean.copy_(state[name])

    @torch.no_grad()
    def _put(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(weights[name])
