"""The settings that a command's options and its ``--config`` file name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from safr_lens.cli.labels import stated

if TYPE_CHECKING:
    from safr_lens.runs.settings import Settings

# options that say what to do with the settings; every other one is a setting of the same name
NOT_SETTINGS = frozenset(
    {
        *("out", "config", "vectors_folder", "resume", "overwrite", "quiet", "as_json"),
        *("budget", "strengths", "seeds"),
    }
)


def named_settings(context: typer.Context) -> Settings:
    """Return the settings of a training; options override the file.

    Raises:
        ConfigError: settings that cannot be used, or that name no data.
    """
    from safr_lens.errors import ConfigError
    from safr_lens.runs.settings import make_settings, read_settings

    given = {name: value for name, value in context.params.items() if name not in NOT_SETTINGS}
    given["labels"] = stated(given["labels"])
    # a flag that is not given is False; --no-header is too
    chosen = {k: v for k, v in given.items() if v is not None and (v is not False or k == "header")}
    config = context.params["config"]
    settings = make_settings((read_settings(config) if config else {}) | chosen)
    if settings.data.data is None:
        raise ConfigError("No data named. Use --data, e.g. --data rotten_tomatoes.")
    return settings
