"""Commands that two real processes run together: what one process finds, printed and written once; all stop at once."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from safr_lens.cli import app
from tests.training.corpus import LABELS, rows, tiny_classifier
from tests.two_processes import run_in_two_processes

SCRIPT = '''
"""Run the commands of the folder's list, and then one that fails in the second process alone."""

import json
import os
import sys
from pathlib import Path

from safr_lens.activations import stream
from safr_lens.cli import app, main
from safr_lens.errors import DataError

folder = Path(sys.argv[1])
stream.BATCH_SIZE = 8
for command in json.loads((folder / "commands.json").read_text()):
    app(command, standalone_mode=False)
if os.environ["RANK"] == "1":

    def unreadable(*args, **kwargs):
        raise DataError("the second process cannot read its share")

    stream.activations_of = unreadable
sys.argv = ["safr-lens", *json.loads((folder / "failing.json").read_text())]
main()
'''
SIZES = {"several": 45, "five": 5}  # texts: several batches each, and one batch, so that a process has none
FAITHFUL = {"several": "3", "five": "1"}  # texts: an unequal number each, and none for the second process


def command(name: str, folder: Path, size: str, *more: str) -> list[str]:
    data = ["--data", str(folder / f"{size}.json"), "--labels", *(f"{i}={label}" for i, label in enumerate(LABELS))]
    return [name, str(folder / "run"), *data, *more]


def analysis(folder: Path, size: str, out: str) -> list[str]:
    faithful = "--faithfulness-texts", FAITHFUL[size]
    return command("analyze", folder, size, "--out", str(folder / out / size), *faithful, "--no-init")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    tiny_classifier().save_pretrained(folder / "run")
    for size, n in SIZES.items():
        (folder / f"{size}.json").write_text(json.dumps(rows(n, seed=3)))
    return folder


@pytest.fixture(scope="module")
def printed(folder) -> str:
    together = [analysis(folder, size, "together") for size in SIZES]
    (folder / "commands.json").write_text(json.dumps([*together, command("evaluate", folder, "several", "--json")]))
    (folder / "failing.json").write_text(json.dumps(analysis(folder, "several", "failed")))
    return run_in_two_processes(SCRIPT, folder, succeeds=False)


@pytest.fixture(scope="module")
def alone(folder) -> dict:
    for size in SIZES:
        assert CliRunner().invoke(app, analysis(folder, size, "alone")).exit_code == 0
    found = CliRunner().invoke(app, command("evaluate", folder, "several", "--json"))
    return json.loads(found.stdout)


def close(found, expected):
    if isinstance(expected, dict):
        assert set(found) == set(expected)
        for key, value in expected.items():
            close(found[key], value)
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            close(one, other)
    else:
        assert found == (pytest.approx(expected, abs=1e-6) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("size", SIZES)
def test_analyze_gives_the_measures_of_one_process(printed, alone, folder, size):
    found, expected = (json.loads((folder / by / size / "measures.json").read_text()) for by in ("together", "alone"))
    assert expected["figures"]
    close(found, expected)
    tables = [pd.read_parquet(folder / by / size / "neurons.parquet") for by in ("together", "alone")]
    pd.testing.assert_frame_equal(*tables, rtol=0, atol=1e-6)


def test_evaluate_prints_what_one_process_prints_and_once(printed, alone):
    start = printed.index('{\n  "run"')
    found, end = json.JSONDecoder().raw_decode(printed, start)
    close(found, alone)
    assert '{\n  "run"' not in printed[end:]


def test_tables_are_printed_once(printed):
    assert printed.count("One row a neuron") == len(SIZES)


def test_an_error_in_one_process_stops_both_with_one_message_and_exit_code_2(printed, folder):
    assert printed.count("the second process cannot read its share") == 1
    assert "Error: the second process cannot read its share" in printed
    assert "exitcode  : 2" in printed
    assert printed.count("Traceback") == printed.count("ChildFailedError: \n") == 1  # the launcher's own
    assert not (folder / "failed").exists()
