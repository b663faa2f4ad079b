"""Before the package is imported: shapes, dtypes and types of its pure functions are checked at run time.

Left out are functions that answer wrong input with an error of their own, since this check would come first.
"""

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int may stand where a float is annotated

CHECKED = (
    "safr_lens.backbones.readout",
    "safr_lens.measures.formulas.class_selectivity",
    "safr_lens.measures.formulas.coherence",
    "safr_lens.measures.formulas.rank",
    "safr_lens.measures.formulas.sparsity",
    "safr_lens.measures.formulas.superposition",
    "safr_lens.measures.formulas.token_selectivity",
    "safr_lens.models.output",
    "safr_lens.models.vmask",
    "safr_lens.penalty.baselines",
    "safr_lens.penalty.correlation",
    "safr_lens.penalty.importance",
    "safr_lens.penalty.information",
    "safr_lens.penalty.interaction",
    "safr_lens.penalty.overlap",
    "safr_lens.penalty.relatedness",
    "safr_lens.penalty.release",
)

install_import_hook(CHECKED, "tests.typechecker")
