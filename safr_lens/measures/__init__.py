"""Measures of how readable neurons are, and of whether it matters.

Pure functions of tensors, a ``torchmetrics.Metric`` for each that streams, and passes over data.
"""

import safr_lens.measures.entries  # noqa: F401  (registers the measures of the package)
from safr_lens.measures.estimate import Estimate, bootstrap_ratio, jackknife
from safr_lens.measures.faithfulness import (
    Faithfulness,
    RankingValues,
    aopc,
    aopc_bounds,
    comprehensiveness,
    faithfulness,
    normalised_aopc,
    sufficiency,
)
from safr_lens.measures.formulas.class_selectivity import class_selectivity
from safr_lens.measures.formulas.coherence import Coherence, coherence, welch_bound
from safr_lens.measures.formulas.distinctness import distinct_neurons
from safr_lens.measures.formulas.evidence import neurons_for_half
from safr_lens.measures.formulas.monosemanticity import monosemanticity_score, similarity_baseline
from safr_lens.measures.formulas.name_fidelity import NameFidelity, name_fidelity
from safr_lens.measures.formulas.rank import effective_rank, participation_ratio
from safr_lens.measures.formulas.sparsity import gini, hoyer, kurtosis, l0
from safr_lens.measures.formulas.superposition import capacity, interference
from safr_lens.measures.formulas.token_selectivity import token_selectivity
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.predictions import Evaluation, evaluate
from safr_lens.measures.registry import MEASURES, Measure, measurements, register_measure, unregister_measure
from safr_lens.measures.reliance import Reliance, reliance
from safr_lens.measures.scores import Scorer, Scores
from safr_lens.measures.statistics import NeuronStatistics, collect_statistics
from safr_lens.measures.streams.dataclass_metric import DataclassMetric
from safr_lens.measures.streams.monosemanticity import MonosemanticityScore
from safr_lens.measures.streams.registered import ReadTexts, StreamSetup
from safr_lens.measures.streams.second_moment import MomentRanks, SecondMoment
from safr_lens.measures.streams.type_means import TypeMeans, type_means

__all__ = [
    "MEASURES",
    "Coherence",
    "DataclassMetric",
    "Estimate",
    "Evaluation",
    "Faithfulness",
    "Inputs",
    "Measure",
    "Measurement",
    "MomentRanks",
    "MonosemanticityScore",
    "NameFidelity",
    "NeuronStatistics",
    "RankingValues",
    "ReadTexts",
    "Reliance",
    "Scorer",
    "Scores",
    "SecondMoment",
    "StreamSetup",
    "TypeMeans",
    "aopc",
    "aopc_bounds",
    "bootstrap_ratio",
    "capacity",
    "class_selectivity",
    "coherence",
    "collect_statistics",
    "comprehensiveness",
    "distinct_neurons",
    "effective_rank",
    "evaluate",
    "faithfulness",
    "gini",
    "hoyer",
    "interference",
    "jackknife",
    "kurtosis",
    "l0",
    "measurements",
    "monosemanticity_score",
    "name_fidelity",
    "neurons_for_half",
    "normalised_aopc",
    "participation_ratio",
    "register_measure",
    "reliance",
    "similarity_baseline",
    "sufficiency",
    "token_selectivity",
    "type_means",
    "unregister_measure",
    "welch_bound",
]
