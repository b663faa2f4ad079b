"""Help, version and mistakes in the usage are answered without the libraries that take seconds to import."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "transformer_lens", "transformers", "datasets", "pandas", "pyarrow", "numpy", "scipy", "matplotlib"}
COMMANDS = ("demo", "train", "evaluate", "predict", "analyze", "compare", "report", "sweep")
PROBE = """
import contextlib, io, json, sys
from safr_lens.cli import main
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    try:
        main()
    except SystemExit as end:
        code = end.code
print(json.dumps({"code": code, "said": said.getvalue(), "modules": list(sys.modules)}))
"""


def ask(*words: str) -> dict:
    done = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--version"], 0, "safr-lens 0."),
        (["--help"], 0, "predict"),
        *[([command, "--help"], 0, "Usage") for command in COMMANDS],
        (["train", "--dta", "x"], 2, "No such option"),
        (["predict"], 2, "Missing argument"),
        (["tarin"], 2, "No such command"),
    ],
)
def test_answered_without_the_heavy_libraries(words: list[str], code: int, expected: str) -> None:
    answer = ask(*words)
    assert (answer["code"], HEAVY & set(answer["modules"])) == (code, set())
    assert expected in answer["said"]


def test_help_still_lists_every_kind_of_data() -> None:
    said = " ".join(ask("train", "--help")["said"].replace("│", " ").split())
    assert "rotten_tomatoes, imdb, a Hub id" in said
    assert "a folder that save_to_disk wrote" in said


def test_names_are_found_though_they_are_imported_late() -> None:
    import safr_lens
    import safr_lens.data

    for package in (safr_lens, safr_lens.data):
        assert set(package.__all__) <= set(dir(package))
        assert all(hasattr(package, name) for name in package.__all__)
        with pytest.raises(AttributeError, match="no attribute 'typo'"):
            package.typo  # noqa: B018
