"""A run on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from safr_lens.analysis.analyze import MEASURES_FILE
from safr_lens.errors import CheckpointError
from safr_lens.models import hub
from safr_lens.reporting.model_card import model_card
from safr_lens.reporting.runs import load_run


def push_to_hub(run: str | Path, repo_id: str, *, private: bool = True, base_model: str | None = None) -> str:
    """Upload a run's model with a card made from its metrics; ``HookedClassifier.from_pretrained(repo_id)`` loads it.

    What goes up: ``model.safetensors``, ``config.json``, ``tokenizer.json``, ``compared_pairs.safetensors`` (where the
    run has one) and the card, ``README.md``. Neither texts nor metrics, history, analysis or places on this machine,
    nor ``rows.parquet``: with its fingerprints anybody could find out whether a text was trained on. The tokenizer's
    vocabulary, and word vectors in the pairs, do come from the training texts.

    Args:
        run: folder of a run. Measures of an analysis beside it (``analysis/measures.json``) are in the card.
        repo_id: ``user/name``; made if it is missing.
        private: whether a repository that is made is private.
        base_model: Hub id of the encoder that the model stands on, for the card.

    Returns:
        The address of the repository.

    Raises:
        CheckpointError: no run, a damaged one, an analysis of other weights, or a Hub that refuses.

    >>> push_to_hub("runs/safr", "reviews")
    Traceback (most recent call last):
    safr_lens.errors.CheckpointError: 'reviews' is no Hub id; expected the form user/name, such as ada/reviews.
    """
    hub.check_hub_id(repo_id)
    if base_model is not None:
        hub.check_hub_id(base_model, owned=False)
    if not Path(run).is_dir():
        raise CheckpointError(f"{run} is no folder; expected that of a run on this machine.")
    loaded = load_run(run)
    card = model_card(loaded, Path(run) / "analysis" / MEASURES_FILE, repo_id=repo_id, base_model=base_model)
    return hub.push_to_hub(loaded.model, repo_id, private=private, card=card)
