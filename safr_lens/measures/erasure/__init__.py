"""Whether importance scores are faithful: whether the tokens that they put first are those the model needs."""

from safr_lens.measures.erasure.bounds import aopc_bounds, normalised_aopc
from safr_lens.measures.erasure.formulas import aopc, comprehensiveness, sufficiency
from safr_lens.measures.erasure.measure import faithfulness
from safr_lens.measures.erasure.rankings import evidence_scores, importance_scores
from safr_lens.measures.erasure.result import Faithfulness, RankingValues

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
