"""The texts in which neurons are most active, found a batch at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from safr_lens.neurons.sampling import leading_digits

VALUE, EXAMPLE, POSITION = range(3)
EMPTY = (0.0, -1.0, -1.0)


# not a dataclass: torchmetrics refuses frozen ones as the result of ``compute``
class TopTokens(NamedTuple):
    """The most active token of each of the k texts in which a neuron is most active, the strongest first.

    Attributes:
        activation: NaN where a neuron is active in fewer than k texts.
        example: number of the text; -1 where there is none.
        position: of the token in its text; -1 where there is none.
    """

    activation: Float[Tensor, "k n_neurons"]
    example: Int[Tensor, "k n_neurons"]
    position: Int[Tensor, "k n_neurons"]


class TopActivations(Metric):
    """The ``k`` texts in which each neuron is most active, and its most active token in each.

    Activations that agree to five digits count as equal, since those of the same word differ by rounding: among equal
    ones the text that comes first in the data wins, and within a text the first token. So the answer does not depend
    on the batches, on the order of updates or on the number of processes, and a text that is seen twice counts once.
    Only activations above 0 count. Memory is that of ``3 k n_neurons`` numbers.

    Args:
        k: how many texts a neuron.
        n_neurons: how many neurons.
        kwargs: options of :class:`torchmetrics.Metric`, such as ``dist_sync_on_step``.

    Raises:
        ValueError: fewer than one text or neuron; on ``update``, another number of neurons, or a value that is not
            finite.

    >>> top = TopActivations(k=2, n_neurons=1)
    >>> top.update(torch.tensor([[0.5], [3.0]]), example=torch.tensor([7, 7]), positions=torch.tensor([0, 1]))
    >>> top.update(torch.tensor([[4.0], [0.0]]), example=torch.tensor([8, 9]), positions=torch.tensor([0, 0]))
    >>> winners = top.compute()
    >>> winners.activation.flatten().tolist(), winners.example.flatten().tolist(), winners.position.flatten().tolist()
    ([4.0, 3.0], [8, 7], [0, 1])
    """

    full_state_update = False
    higher_is_better = None
    is_differentiable = False

    best: Float[Tensor, "k n_neurons 3"]

    def __init__(self, k: int, n_neurons: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if k < 1 or n_neurons < 1:
            raise ValueError(f"TopActivations needs at least one text and one neuron; got {k} and {n_neurons}.")
        self.k = k
        self.n_neurons = n_neurons
        # one tensor, so that processes are merged row by row: numbers of texts are exact in float64 up to 2^53
        empty = torch.tensor(EMPTY, dtype=torch.float64).repeat(k, n_neurons, 1)
        self.add_state("best", empty, dist_reduce_fx=merged)

    def update(
        self,
        neurons: Float[Tensor, "n_tokens n_neurons"],
        example: Int[Tensor, " n_tokens"],
        positions: Int[Tensor, " n_tokens"],
    ) -> None:
        """Add tokens: their neurons, the numbers of their texts, and where in it each stands."""
        if neurons.ndim != 2 or neurons.shape[1] != self.n_neurons:
            raise ValueError(f"TopActivations expects [n_tokens, {self.n_neurons}]; got {list(neurons.shape)}.")
        if not neurons.isfinite().all():
            raise ValueError("TopActivations got a value that is not finite; leave such tokens out before the update.")
        if len(neurons):
            new = best_of_texts(neurons.detach().double(), example, positions)
            # rows at 0 or below never get in, since they sort behind the k rows of the state, empty or not
            self.best = strongest(torch.cat([self.best, new.to(self.best.device)]), self.k)

    def compute(self) -> TopTokens:
        """Return the strongest tokens so far."""
        value, example, position = self.best.unbind(-1)
        return TopTokens(value.where(value > 0, torch.nan), example.long(), position.long())


def merged(states: Float[Tensor, "n_states k n_neurons 3"]) -> Float[Tensor, "k n_neurons 3"]:
    """Return what one metric would hold that had seen what these have seen."""
    return strongest(states.flatten(0, 1), states.shape[1])


def best_of_texts(
    values: Float[Tensor, "n_tokens n_neurons"], example: Int[Tensor, " n_tokens"], positions: Int[Tensor, " n_tokens"]
) -> Float[Tensor, "n_texts n_neurons 3"]:
    """Return each neuron's most active token in each text."""
    # in the order of their positions, so that the first of equal tokens is the first in the text
    order = positions.argsort()
    values, example, positions = values[order], example[order], positions[order]
    texts, rows = example.unique(return_inverse=True)
    rows = rows.unsqueeze(1).expand_as(values)
    keys = leading_digits(values)
    shape = (len(texts), values.shape[1])
    highest = keys.new_zeros(shape).scatter_reduce(0, rows, keys, "amax", include_self=False)
    n_tokens = len(values)
    place = torch.arange(n_tokens, device=values.device).unsqueeze(1).expand_as(values)
    place = place.masked_fill(keys < highest.gather(0, rows), n_tokens)
    first = place.new_zeros(shape).scatter_reduce(0, rows, place, "amin", include_self=False)
    value = values.gather(0, first)
    return torch.stack([value, texts.unsqueeze(1).expand(shape), positions[first]], dim=-1)


def strongest(rows: Float[Tensor, "n_rows n_neurons 3"], k: int) -> Float[Tensor, "k n_neurons 3"]:
    """Return each neuron's ``k`` strongest rows, one a text, the strongest first."""
    rows = _sorted(rows, rows[..., POSITION])
    rows = _sorted(rows, -leading_digits(rows[..., VALUE]))
    rows = _sorted(rows, rows[..., EXAMPLE])
    again = rows[1:, :, EXAMPLE] == rows[:-1, :, EXAMPLE]
    rows[1:] = rows[1:].where(~again.unsqueeze(-1), rows.new_tensor(EMPTY))
    return _sorted(rows, -leading_digits(rows[..., VALUE]))[:k]


def _sorted(rows: Float[Tensor, "n_rows n_neurons 3"], by: Float[Tensor, "n_rows n_neurons"]) -> Tensor:
    order = by.sort(dim=0, stable=True).indices
    return rows.gather(0, order.unsqueeze(-1).expand_as(rows))
