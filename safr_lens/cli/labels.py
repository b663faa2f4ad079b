"""``--labels 0=negative 1=positive``: what the labels of some data mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from safr_lens.visible import shown

OPTION = "--labels"
PAIR = re.compile(r"(?!--).*=")


class LabelsCommand(TyperCommand):
    """A command whose option ``--labels`` takes several pairs, as in ``--labels 0=negative 1=positive``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its pairs, as click expects it."""
        spelled: list[str] = []
        pairs = False
        for word in args:
            if pairs and PAIR.match(word) and spelled[-1] != OPTION:
                spelled.append(OPTION)
            pairs = word == OPTION or word.startswith(f"{OPTION}=") or (pairs and PAIR.match(word) is not None)
            spelled.append(word)
        return super().parse_args(ctx, spelled)


def stated(pairs: Sequence[str] | None) -> dict[str, str] | None:
    """Return the mapping from label to class that ``--labels`` states, or None.

    Raises:
        ConfigError: a word that is no pair, or a label stated twice.
    """
    from safr_lens.errors import ConfigError

    if not pairs:
        return None
    wrong = [pair for pair in pairs if not all(part.strip() for part in pair.partition("="))]
    if wrong:
        raise ConfigError(
            f"--labels takes pairs LABEL=CLASS, as in --labels 0=negative 1=positive; got {shown(wrong[0])}."
        )
    meanings = [(label.strip(), name.strip()) for label, _, name in (pair.partition("=") for pair in pairs)]
    labels = [label for label, _ in meanings]
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise ConfigError(f"--labels states {shown(twice[0])} twice; a label means one class.")
    return dict(meanings)
