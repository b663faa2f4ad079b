"""Whether importance scores are faithful: whether the tokens that they put first are those the model needs."""

from safr_lens.measures.faithfulness.bounds import aopc_bounds, normalised_aopc
from safr_lens.measures.faithfulness.formulas import aopc, comprehensiveness, sufficiency
from safr_lens.measures.faithfulness.measure import Faithfulness, RankingValues, faithfulness
from safr_lens.measures.faithfulness.rankings import evidence_scores, importance_scores

__all__ = [
    "Faithfulness",
    "RankingValues",
    "aopc",
    "aopc_bounds",
    "comprehensiveness",
    "evidence_scores",
    "faithfulness",
    "importance_scores",
    "normalised_aopc",
    "sufficiency",
]
