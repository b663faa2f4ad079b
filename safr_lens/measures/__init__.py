"""Measures of how readable neurons are, and of whether it matters.

Pure functions of tensors, a ``torchmetrics.Metric`` for each that streams, and passes over data.
"""

import safr_lens.measures.entries  # noqa: F401  (registers the measures of the package)
from safr_lens.measures.estimate import Estimate, bootstrap_ratio, jackknife, over_seeds
from safr_lens.measures.faithfulness import (
    Faithfulness,
    RankingValues,
    aopc,
    aopc_bounds,
    comprehensiveness,
    evidence_scores,
    faithfulness,
    importance_scores,
    normalised_aopc,
    sufficiency,
)
from safr_lens.measures.formulas.class_selectivity import class_selectivity
from safr_lens.measures.formulas.coherence import Coherence, coherence, welch_bound
from safr_lens.measures.formulas.monosemanticity import monosemanticity_score, similarity_baseline
from safr_lens.measures.formulas.rank import effective_rank, participation_ratio
from safr_lens.measures.formulas.sparsity import gini, hoyer, kurtosis, l0
from safr_lens.measures.formulas.superposition import capacity, interference
from safr_lens.measures.formulas.token_selectivity import token_selectivity
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.nulls import shuffled, spread
from safr_lens.measures.predictions import Evaluation, Predictions, evaluate, predict_split
from safr_lens.measures.registry import MEASURES, Measure, measurements, register_measure, unregister_measure
from safr_lens.measures.reliance import Reliance, ablated_predictions, reliance
from safr_lens.measures.scores import Scorer, Scores
from safr_lens.measures.statistics import NeuronStatistics, collect_statistics
from safr_lens.measures.streams.ablation import AblationEffects, AblationStream, MlpReadout
from safr_lens.measures.streams.activity import Activity, NeuronActivity
from safr_lens.measures.streams.class_means import ClassActivations, ClassSums
from safr_lens.measures.streams.dataclass_metric import DataclassMetric
from safr_lens.measures.streams.monosemanticity import MonosemanticityScore
from safr_lens.measures.streams.registered import ReadTexts, StreamSetup
from safr_lens.measures.streams.second_moment import MomentRanks, SecondMoment
from safr_lens.measures.streams.text_figures import TextFigures, TextFigureStream
from safr_lens.measures.streams.type_means import TypeActivations, TypeMeans, TypeSums, type_means

__all__ = [
    "MEASURES",
    "AblationEffects",
    "AblationStream",
    "Activity",
    "ClassActivations",
    "ClassSums",
    "Coherence",
    "DataclassMetric",
    "Estimate",
    "Evaluation",
    "Faithfulness",
    "Inputs",
    "Measure",
    "Measurement",
    "MlpReadout",
    "MomentRanks",
    "MonosemanticityScore",
    "NeuronActivity",
    "NeuronStatistics",
    "Predictions",
    "RankingValues",
    "ReadTexts",
    "Reliance",
    "Scorer",
    "Scores",
    "SecondMoment",
    "StreamSetup",
    "TextFigureStream",
    "TextFigures",
    "TypeActivations",
    "TypeMeans",
    "TypeSums",
    "ablated_predictions",
    "aopc",
    "aopc_bounds",
    "bootstrap_ratio",
    "capacity",
    "class_selectivity",
    "coherence",
    "collect_statistics",
    "comprehensiveness",
    "effective_rank",
    "evaluate",
    "evidence_scores",
    "faithfulness",
    "gini",
    "hoyer",
    "importance_scores",
    "interference",
    "jackknife",
    "kurtosis",
    "l0",
    "measurements",
    "monosemanticity_score",
    "normalised_aopc",
    "over_seeds",
    "participation_ratio",
    "predict_split",
    "register_measure",
    "reliance",
    "shuffled",
    "similarity_baseline",
    "spread",
    "sufficiency",
    "token_selectivity",
    "type_means",
    "unregister_measure",
    "welch_bound",
]
