"""A whole analysis of a classifier, and comparisons of several."""

from safr_lens.analysis.analyze import (
    MEASURES_FILE,
    NEURONS_FILE,
    Analysis,
    Stages,
    analyze,
    checked_folder,
    read_analysis,
)
from safr_lens.analysis.comparison import Difference, cautions, compare, to_dict

__all__ = [
    "MEASURES_FILE",
    "NEURONS_FILE",
    "Analysis",
    "Difference",
    "Stages",
    "analyze",
    "cautions",
    "checked_folder",
    "compare",
    "read_analysis",
    "to_dict",
]
