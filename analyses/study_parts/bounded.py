"""Faithfulness that models can be compared by: the normalised AOPC, on the beginnings of some texts."""

from __future__ import annotations

from typing import Any

from safr_lens import HookedClassifier
from safr_lens.measures.faithfulness import faithfulness
from study_parts.sources import spaced

N_TEXTS, N_WORDS, BEAM = 20, 24, 3


def bounded_faithfulness(model: HookedClassifier, rows: Any) -> dict[str, float]:
    """Return the mean NAOPC of VMASK's importance and of random rankings.

    Models differ in how far deleting tokens moves them at all, so comprehensiveness and sufficiency compare rankings of
    one model. NAOPC puts a ranking between the worst and the best order of the same text and model. Finding these takes
    time that grows with the cube of the length, so texts are cut to their first words, on all data sets alike.
    """
    short = [{**row, "text": " ".join(row["text"].split()[:N_WORDS])} for row in spaced(rows, N_TEXTS)]
    found = faithfulness(model, short, max_texts=None, naopc_texts=len(short), beam=BEAM, seed=0).to_dict()["naopc"]
    return {"tested": found["tested"], "random": found["random"]}
