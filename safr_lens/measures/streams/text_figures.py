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
        capacities = torch.cat([capacity(text).double() for text in neurons.split(lengths.tolist())])
        columns = [torch.ones_like(active), active, active == 0]
        for score in (capacities, _population_sparsity(neurons)):
            columns += [score.nan_to_num(), ~score.isnan()]
        by_token = torch.stack([column.double() for column in columns], 1)
        rows = torch.repeat_interleave(lengths)
        sums = torch.zeros(len(lengths), by_token.shape[1], dtype=torch.float64, device=neurons.device)
        sums.index_add_(0, rows, by_token)
        self.rows.append(torch.cat([sums, *answers(logits.float().unsqueeze(1), labels)], 1))
        self.examples.append(examples)

    def _result(self) -> TextFigures:
        examples, rows = dim_zero_cat(self.examples).cpu(), dim_zero_cat(self.rows).cpu()
        order = examples.argsort()
        return TextFigures(examples[order], dict(zip(COLUMNS, rows[order].unbind(1), strict=True)))


def _population_sparsity(neurons: Float[Tensor, "n_tokens d_mlp"]) -> Float[Tensor, " n_tokens"]:
    """Hoyer's sparsity over neurons: 1 for a token with one active neuron, NaN for a silent one."""
    root = neurons.shape[1] ** 0.5
    if root == 1:
        return torch.full((len(neurons),), torch.nan, dtype=torch.float64, device=neurons.device)
    return ((root - neurons.abs().sum(1) / neurons.norm(dim=1)) / (root - 1)).double().clamp(0, 1)


def answers(
    logits: Float[Tensor, "n_texts n n_classes"], labels: Int[Tensor, " n_texts"]
) -> tuple[Float[Tensor, "n_texts n"], Float[Tensor, "n_texts n"]]:
    """Return whether each answer is right, and its loss; NaN without a label."""
    wanted = labels.unsqueeze(1).expand(logits.shape[:2])
    right = (logits.argmax(2) == wanted).double()
    loss = F.cross_entropy(logits.flatten(0, 1), wanted.flatten().clamp_min(0), reduction="none").view(wanted.shape)
    known = wanted >= 0
    return right.where(known, torch.nan), loss.double().where(known, torch.nan)
