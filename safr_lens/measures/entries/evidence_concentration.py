"""Evidence concentration: how many neurons a reader has to look at for half of what speaks for a token's class."""

from __future__ import annotations

import math

import torch

from safr_lens.measures.estimate import N_BOOTSTRAP, Estimate, no_interval
from safr_lens.measures.formulas.evidence import interpolated_median
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.registry import Measure, register_measure
from safr_lens.measures.streams.dataclass_metric import DataclassMetric
from safr_lens.measures.streams.evidence import EvidenceCounts, EvidenceStream
from safr_lens.measures.streams.registered import StreamSetup

NAME = "evidence_concentration"
ABSENT = (
    "the logits of this model and layer are no exact sum over its neurons, so a token has no evidence to share out."
)


def evidence_stream(setup: StreamSetup) -> DataclassMetric | None:
    """Return what counts neurons; None where the logits are no exact sum over neurons."""
    return None if setup.writes is None else EvidenceStream(setup)


def concentration(inputs: Inputs, tokens: str) -> Measurement | None:
    """Return the median over tokens with its bootstrap, and the same with directions permuted.

    The null is no part of what models are compared by: fewer neurons are easier to read, whatever makes them few.
    """
    by_text: EvidenceCounts | None = inputs.statistics.more.get(NAME)
    if by_text is None:
        return None
    counts = getattr(by_text, tokens).double()
    silent = int(counts[:, 0, 0].sum())
    counts[:, :, 0] = 0
    value, null = (_median(counts[:, i], inputs.seed) for i in (0, 1))
    return Measurement(value, null=null, n_undefined=silent)


def _median(counts: torch.Tensor, seed: int) -> Estimate:
    value = interpolated_median(counts.sum(0)).item()
    if math.isnan(value) or len(counts) < 2:
        return no_interval(value)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(counts), (N_BOOTSTRAP, len(counts)), generator=generator)
    weights = torch.zeros(drawn.shape, dtype=torch.float64).scatter_add_(1, drawn, torch.ones(drawn.shape).double())
    return Estimate(value, interpolated_median(weights @ counts))


def _register(name: str, title: str, meaning: str, tokens: str, order: int, *, short: str, tile: bool) -> None:
    register_measure(
        Measure(
            name,
            title=title,
            meaning=f"{meaning} Silent tokens have none and are left out.",
            better="lower",
            compute=lambda inputs: concentration(inputs, tokens),
            stream=evidence_stream if name == NAME else None,
            absent=lambda inputs: ABSENT,
            digits=1,
            formula="neurons_for_half",
            range="[1, d_mlp / 2]",
            null="what neurons write permuted among neurons; models are compared by the value, not above it",
            interval="bootstrap over up to 64 blocks of texts",
            caution="silent neurons; evidence that other components add is not counted (see reliance)",
            short=short,
            tile=tile,
            order=order,
        )
    )


_register(
    NAME,
    "neurons for half of a token's evidence",
    "The fewest neurons that add half of what speaks for or against the predicted class: median over tokens.",
    "all_tokens",
    92,
    short="",
    tile=False,
)
_register(
    f"{NAME}_important",
    "neurons for half of an important token's evidence",
    "The fewest neurons that make up half of a token's evidence: median over tokens of at least their text's mean "
    "importance (VMASK); without VMASK, over all tokens.",
    "important",
    93,
    short="neurons for half",
    tile=True,
)
