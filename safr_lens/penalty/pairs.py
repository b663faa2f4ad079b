"""Which tokens are compared, which pairs of them are correlated, and how much each counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safr_lens.checks import check_choice, check_number
from safr_lens.errors import ConfigError
from safr_lens.visible import shown

CHOICES = {
    "pairs": ("attention", "words"),
    "scope": ("text", "batch"),
    "counted_pairs": ("tokens", "words"),
    "overlap_of": ("activations", "evidence"),
}
FIRST = {"overlap_of": "activations"}  # left out of a record, where it says what all were before there was a choice
# settings that have a meaning with one choice alone
DEPENDENT = {
    "threshold": ("pairs", "attention", 2.0),
    "word_threshold": ("pairs", "words", 0.5),
    "batch_tokens": ("scope", "batch", 512),
}


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which pairs of tokens count as correlated, and how much each counts.

    Attributes:
        pairs: correlated are related ``"words"`` (:func:`word_correlation`), or tokens that attend to each other
            (``"attention"``: :func:`attention_correlation`).
        scope: pairs across the texts of a ``"batch"``, or within each ``"text"``.
        counted_pairs: in the interaction term each pair of ``"tokens"`` counts, so that most of it are two occurrences
            of one frequent word, or each pair of ``"words"`` counts once, however often they occur.
        overlap_of: tokens share neurons as far as their ``"activations"`` point the same way, or as far as their
            ``"evidence"`` does: activations times :func:`~safr_lens.penalty.evidence.class_effects`, so that neurons
            that decide count most, and those without a part in the decision not at all.
        threshold: of :func:`attention_correlation`; 2 by default.
        word_threshold: of :func:`word_correlation`; 0.5 by default.
        batch_tokens: with scope ``"batch"``, at most so many tokens are drawn; 512 by default.

    Raises:
        ConfigError: an unknown choice, a number out of range, or one that the choices leave without a meaning.

    >>> Pairs(pairs="attention", scope="text")
    Pairs(pairs='attention', scope='text', counted_pairs='words', overlap_of='activations', threshold=2.0, \
word_threshold=None, batch_tokens=None)
    """

    pairs: str = "words"
    scope: str = "batch"
    counted_pairs: str = "words"
    overlap_of: str = "activations"
    threshold: float | None = None
    word_threshold: float | None = None
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        for name, (choice, wanted, default) in DEPENDENT.items():
            value, chosen = getattr(self, name), getattr(self, choice)
            if chosen == wanted:
                object.__setattr__(self, name, default if value is None else value)
            elif value is not None:
                raise ConfigError(
                    f"{name} has no meaning with {choice}={shown(chosen)}. Leave it out, or use "
                    f"{choice}={shown(wanted)}."
                )
        if self.threshold is not None:
            check_number("threshold", self.threshold, low=0.0)
        if self.word_threshold is not None:
            check_number("word_threshold", self.word_threshold, low=0.0, high=0.999)
        if self.batch_tokens is not None:
            check_number("batch_tokens", self.batch_tokens, low=2, whole=True)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def meaningless(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the settings that these choices leave without a meaning."""
        chosen = {"pairs": cls.pairs, "scope": cls.scope} | dict(settings)
        return {name for name, (choice, wanted, _) in DEPENDENT.items() if str(chosen[choice]) != wanted}

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that have a meaning."""
        settings = dataclasses.asdict(self).items()
        return {name: value for name, value in settings if value is not None and FIRST.get(name) != value}
