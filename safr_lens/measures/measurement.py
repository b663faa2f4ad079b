"""What one measure gives for a classifier, and what measures are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.json_values import without_nan
from safr_lens.measures.estimate import Estimate, bootstrap_ratio, no_interval
from safr_lens.measures.faithfulness import Faithfulness
from safr_lens.measures.predictions import Predictions
from safr_lens.measures.statistics import NeuronStatistics


@dataclass(frozen=True)
class Measurement:
    """One measure of a classifier.

    Attributes:
        estimate: the value with its replicates.
        null: what chance alone gives.
        above: the difference to the null, with the replicates paired, for measures that chance raises.
        n_undefined: neurons (alive ones), tokens or texts for which the measure is undefined and which are left out.
    """

    estimate: Estimate
    null: Estimate | None = None
    above: Estimate | None = None
    n_undefined: int = 0

    @property
    def judged(self) -> Estimate:
        """What to compare between models: the value above its null where it has one."""
        return self.above or self.estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON holds it; what is undefined is None."""
        values: dict[str, Any] = self.estimate.to_dict()
        parts = {"null": self.null, "above_null": self.above}
        values |= {name: part.to_dict() for name, part in parts.items() if part}
        return without_nan(values | {"n_undefined": self.n_undefined})


@dataclass(frozen=True)
class Inputs:
    """What measures are computed from; a measure whose input is missing is left out.

    Attributes:
        statistics: of a pass over a corpus.
        embeddings: one row a token id, for the monosemanticity score.
        ablated: predictions with all MLPs ablated, by mode, for the reliance.
        faithfulness: of VMASK's importance.
        seed: of the bootstrap; the same for measurements that are to be compared.
        scorers: of neurons, by measure, each of which keeps what it has computed for measurements and tables alike.
    """

    statistics: NeuronStatistics
    embeddings: Float[Tensor, "d_vocab d_embed"] | None = None
    ablated: Mapping[str, Predictions] = field(default_factory=dict)
    faithfulness: Faithfulness | None = None
    seed: int = 0
    scorers: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def labelled(self) -> bool:
        """Whether every text has a label."""
        return self.statistics.classes is not None

    def ratio(self, above: str, below: str | None = None) -> Measurement:
        """Return the sum of one column of the texts over that of another, or over the number of texts."""
        return Measurement(self.statistics.texts.ratio(above, below, seed=self.seed))

    def where_defined(self, column: str) -> Measurement:
        """Return the mean of a column over the tokens where it is defined, which ``with_COLUMN`` counts."""
        texts = self.statistics.texts
        n_defined = int(texts.columns[f"with_{column}"].sum())
        estimate = texts.ratio(column, f"with_{column}", seed=self.seed) if n_defined else no_interval(torch.nan)
        return Measurement(estimate, n_undefined=self.statistics.activity.n_tokens - n_defined)

    def mean_of(self, values: Float[Tensor, " n_texts"]) -> Estimate:
        """Return the mean over texts with a bootstrap over them."""
        return bootstrap_ratio(values, torch.ones_like(values), seed=self.seed)
