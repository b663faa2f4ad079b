"""Which runs are the same training with other seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from safr_lens.documents import read_json
from safr_lens.errors import ConfigError
from safr_lens.training.run_folder import METRICS
from safr_lens.visible import listed


def grouped_runs(runs: Sequence[str]) -> dict[str, list[str]]:
    """Group runs whose recorded settings differ in the seed alone; a group is named by its first run.

    Raises:
        ConfigError: fewer than two groups, or a run named twice.
    """
    for run in runs:
        if runs.count(run) > 1:
            raise ConfigError(f"{run} is named twice; name each run once.")
    groups: dict[str, list[str]] = {}
    for run in runs:
        groups.setdefault(_without_seed(run), []).append(run)
    if len(groups) < 2:
        raise ConfigError(
            f"A comparison needs at least two runs with different settings; {listed(runs)} "
            f"{'is one run' if len(runs) == 1 else 'differ in their seeds alone'}."
        )
    return {
        f"{members[0]} and {len(members) - 1} more" if members[1:] else members[0]: members
        for members in groups.values()
    }


def _without_seed(run: str) -> str:
    try:
        settings = read_json(Path(run) / METRICS)["settings"]
        return json.dumps(settings | {"train": settings["train"] | {"seed": None}}, sort_keys=True)
    except (OSError, ValueError, KeyError, TypeError):
        return run  # a model without its record, as from the Hub: a group of its own
