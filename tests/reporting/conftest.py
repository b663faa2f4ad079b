"""The command line's tiny corpus and runs."""

from tests.cli.conftest import call, corpus, run, small_config  # noqa: F401
