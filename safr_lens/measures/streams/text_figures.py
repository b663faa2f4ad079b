"""Numbers of each text that figures of a corpus are made of, kept apart so that texts can be resampled."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.utilities import dim_zero_cat

from safr_lens.measures.estimate import Estimate, bootstrap_ratio
from safr_lens.measures.formulas.superposition import capacity
from safr_lens.measures.streams.dataclass_metric import DataclassMetric

COLUMNS = ("tokens", "active", "silent", "capacity", "with_capacity", "sparsity", "with_sparsity", "correct", "loss")


@dataclass(frozen=True)
class TextFigures:
    """One row a text, in the order of the corpus.

    Attributes:
        examples: number of each text.
        columns: ``tokens``: real tokens; ``active``: active neurons, summed over tokens; ``silent``: tokens without
            one; ``capacity``, ``sparsity``: summed over the ``with_capacity``, ``with_sparsity`` tokens where they are
            defined; ``correct``: 1 if the class is right; ``loss``: cross-entropy in nats; NaN without a label.
    """

    examples: Int[Tensor, " n_texts"]
    columns: dict[str, Float[Tensor, " n_texts"]]

    def ratio(self, above: str, below: str | None = None, *, seed: int = 0) -> Estimate:
        """Return the sum of one column over that of another, or over the number of texts."""
        ones = torch.ones_like(self.columns[above])
        return bootstrap_ratio(self.columns[above], ones if below is None else self.columns[below], seed=seed)


class TextFigureStream(DataclassMetric[TextFigures]):
    """Collects the numbers of each text; memory is a few numbers a text.

    >>> stream = TextFigureStream()
    >>> neurons = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    >>> stream.update(neurons, torch.tensor([2, 1]), torch.tensor([0, 1]), torch.tensor([[0.0, 9.0], [9.0, 0.0]]),
    ...               torch.tensor([1, 1]))
    >>> result = stream.result()
    >>> result.columns["silent"].tolist(), result.columns["correct"].tolist()
    ([1.0, 0.0], [1.0, 0.0])
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_state("rows", [], dist_reduce_fx="cat")
        self.add_state("examples", [], dist_reduce_fx="cat")

    def update(
        self,
        neurons: Float[Tensor, "n_tokens d_mlp"],
        lengths: Int[Tensor, " n_texts"],
        examples: Int[Tensor, " n_texts"],
        logits: Float[Tensor, "n_texts n_classes"],
        labels: Int[Tensor, " n_texts"],
    ) -> None:
        """Add some texts.

        Args:
            neurons: of their real tokens, text by text.
            lengths: number of tokens of each text.
            examples: number of each text in the corpus.
            logits: of the classifier.
            labels: of the texts; -1 where there is none.
        """
        neurons = neurons.float()
        active = (neurons > 0).sum(1)
        by_text = [
            torch.stack([capacity.nan_to_num(), ~capacity.isnan()], 1) for capacity in _capacities(neurons, lengths)
        ]
        sparsity = _population_sparsity(neurons)
        by_token = torch.stack([torch.ones_like(active), active, active == 0], 1).double()
        by_token = torch.cat(
            [by_token, torch.cat(by_text), torch.stack([sparsity.nan_to_num(), ~sparsity.isnan()], 1)], 1
        )
        rows = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
        sums = torch.zeros(len(lengths), by_token.shape[1], dtype=torch.float64, device=neurons.device)
        sums.index_add_(0, rows, by_token)
        self.rows.append(torch.cat([sums, _answers(logits.float(), labels)], 1))
        self.examples.append(examples)

    def _result(self) -> TextFigures:
        examples, rows = dim_zero_cat(self.examples).cpu(), dim_zero_cat(self.rows).cpu()
        order = examples.argsort()
        return TextFigures(examples[order], dict(zip(COLUMNS, rows[order].unbind(1), strict=True)))


def _capacities(neurons: Tensor, lengths: Tensor) -> list[Tensor]:
    return [capacity(text).double() for text in neurons.split(lengths.tolist())]


def _population_sparsity(neurons: Float[Tensor, "n_tokens d_mlp"]) -> Float[Tensor, " n_tokens"]:
    """Hoyer's sparsity over neurons: 1 for a token with one active neuron, NaN for a silent one."""
    root = neurons.shape[1] ** 0.5
    if root == 1:
        return torch.full((len(neurons),), torch.nan, dtype=torch.float64, device=neurons.device)
    return ((root - neurons.abs().sum(1) / neurons.norm(dim=1)) / (root - 1)).double().clamp(0, 1)


def _answers(logits: Tensor, labels: Tensor) -> Float[Tensor, "n_texts 2"]:
    known = labels >= 0
    correct = (logits.argmax(1) == labels).double()
    loss = F.cross_entropy(logits, labels.clamp_min(0), reduction="none").double()
    return torch.where(known.unsqueeze(1), torch.stack([correct, loss], 1), torch.nan)
