"""Classifiers on the Hugging Face Hub, without places on the machine that they come from."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from safr_lens.artefacts import changing
from safr_lens.atomic import write_json, write_text
from safr_lens.documents import read_json
from safr_lens.errors import CheckpointError, first_line
from safr_lens.models.checkpoint import CONFIG, FILES, Saveable, write_model
from safr_lens.models.compared import save_compared
from safr_lens.models.encoder_words import compares_own_words
from safr_lens.visible import shown

CARD = "README.md"
PLACE = re.compile(r"[/~\\]|\.{1,2}[/\\]|[A-Za-z]:[/\\]")  # how a path begins


def push_to_hub(model: Saveable, repo_id: str, *, private: bool = True, card: str | None = None) -> str:
    """Upload a classifier, with its card, to a Hub repository, made if it is missing, and return its address.

    Where the compared pairs' word vectors come from stays at home, as do paths in an encoder's configuration: they may
    name files of the user's. Without a card, one that is there already stays.

    Raises:
        CheckpointError: an id that is not ``user/name``, or a Hub that refuses.
    """
    from huggingface_hub import HfApi

    check_hub_id(repo_id)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with changing(folder) as new:
            write_model(model, new)
            _without_places(model, new)
        if card is not None:
            write_text(folder / CARD, card)
        files = FILES if card is None else [*FILES, CARD]
        try:
            api = HfApi()
            address = api.create_repo(repo_id, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=folder, allow_patterns=files, delete_patterns=FILES)
        except Exception as error:  # many unrelated types for one user-facing fact
            raise CheckpointError(
                f"The Hub did not take {shown(repo_id)}: {first_line(error).rstrip('.')}. Log in (hf auth login) with "
                "a token that may write there, and push again."
            ) from None
    return str(address)


def check_hub_id(repo_id: str, *, owned: bool = True) -> None:
    """Raise a CheckpointError for what is no id ``user/name``; a name alone passes where none needs to own it."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    with suppress(HFValidationError):
        validate_repo_id(repo_id)
        if not owned or "/" in repo_id:
            return
    raise CheckpointError(f"{shown(repo_id)} is no Hub id; expected the form user/name, such as ada/reviews.")


def _without_places(model: Saveable, folder: Path) -> None:
    if model.compared is not None and not compares_own_words(model):
        save_compared(dataclasses.replace(model.compared, source=None), folder)
    config = read_json(folder / CONFIG)
    encoder = config["model"]["encoder"] or {}
    kept = {name: value for name, value in encoder.items() if not (isinstance(value, str) and PLACE.match(value))}
    if kept != encoder:
        config["model"]["encoder"] = kept
        write_json(folder / CONFIG, config)
