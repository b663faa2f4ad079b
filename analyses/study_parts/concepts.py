"""Concepts that a neuron could stand for: word lists written for this study, and the class of the text.

The lists hold words of one kind, not words that any model was seen to group. A list is never used in training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

WORDS = {
    "negation": """
        not n't no never nothing neither nor without none nobody nowhere hardly barely scarcely cannot""",
    "intensifiers": """
        very so too extremely really truly incredibly utterly completely thoroughly absolutely highly deeply quite
        rather fairly pretty totally entirely""",
    "function words": """
        the a an of to in is it that and as with for its on this by at from be are was his her he she they their""",
    "contrast": """
        but though although however yet despite while instead except still""",
    "praise": """
        good great best excellent wonderful brilliant superb fantastic beautiful beautifully charming clever witty
        engaging enjoyable entertaining delightful moving touching powerful fascinating compelling gripping fresh
        smart intelligent original funny hilarious heartfelt thoughtful riveting rewarding impressive masterful
        satisfying sweet warm solid""",
    "blame": """
        bad worst worse awful terrible horrible poor poorly dull boring tedious bland flat lame silly stupid dumb
        pointless predictable contrived mediocre unfunny tired stale forgettable annoying ridiculous lifeless
        shallow hollow clumsy sloppy messy pretentious disappointing fails lacks waste mess""",
    "film people": """
        director directors actor actors actress cast writer writers filmmaker filmmakers star stars producer
        screenwriter performer performers crew comedian""",
    "story": """
        story plot script screenplay narrative tale dialogue premise ending storyline storytelling scene scenes""",
    "numbers": """
        one two three four five six ten hundred first second third half dozen minutes hours years""",
    "pronouns": """
        i you he she we they me him her us them my your his our their it its""",
}
POLARITY = "polarity"


def concepts(split: Iterable[dict[str, Any]], labels: tuple[str, ...]) -> dict[str, Any]:
    """Return every concept as ``sparse_probe`` takes it; polarity is whether a text has the last class."""
    listed: dict[str, Any] = {name: frozenset(words.split()) for name, words in WORDS.items()}
    return {POLARITY: [row["label"] == len(labels) - 1 for row in split]} | listed
