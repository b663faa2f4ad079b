"""How many of the measured texts runs were trained on, as a line of output."""

from __future__ import annotations

from collections.abc import Mapping

from safr_lens.cli.output import say


def say_seen(seen: Mapping[str, Mapping[str, int] | None]) -> None:
    """Print one line a run, except where it is among the warnings already."""
    from safr_lens.runs.seen import seen_sentence, seen_warnings

    for run, counts in seen.items():
        if not seen_warnings(counts):
            say(f"{f'{run}: ' if len(seen) > 1 else ''}{seen_sentence(counts)}")
