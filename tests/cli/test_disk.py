"""A disk that is full, a folder that may not be written, and one that is removed meanwhile: one message, status 2."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from pathlib import Path

import pytest

from safr_lens import HookedClassifier
from safr_lens.training.run_folder import RunFolder
from tests.reliability.points import in_child


def words(name, run, corpus, small_config, out):
    return {
        "train": ("train", "--data", corpus, "--config", small_config, "--out", out, "--quiet"),
        "sweep": ("sweep", "--data", corpus, "--config", small_config, "--strengths", 1, "--out", out, "--quiet"),
        "analyze": ("analyze", run, "--data", corpus, "--no-init", "--faithfulness-texts", 0, "--out", out, "--quiet"),
        "report": ("report", run, "--data", corpus, "--out", out / "page.html", "--quiet"),
    }[name]


COMMANDS = ("train", "sweep", "analyze", "report")


def refused(result, reason):
    assert result.exit_code == 2, result.output
    assert reason in " ".join(result.stderr.split()) and "Traceback" not in result.output, result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_leaves_nothing(call, run, corpus, small_config, tmp_path, name):
    """Files of at most a hundred bytes stand in for the disk: the system refuses the same calls."""

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        refused(call(*words(name, run, corpus, small_config, tmp_path / "out")), "File too large")

    assert in_child(limited, log=tmp_path / "log") == 0, (tmp_path / "log").read_text()
    assert not [path for path in tmp_path.rglob("*") if path.name != "log" and path.is_file()]


@pytest.fixture
def readable(run, corpus, small_config):
    """Run, data and settings where another user may read them, as a folder that nobody may write has to be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(run, folder / "run")
        for path in (corpus, small_config):
            shutil.copy(path, folder / path.name)
        (folder / "read-only").mkdir(mode=0o555)
        yield folder


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_may_not_be_written_is_refused(call, readable, corpus, small_config, tmp_path, name):
    out = readable / "read-only" / "out"

    def unprivileged():
        if os.geteuid() == 0:  # root may write anywhere
            os.seteuid(65534)
        given = (readable / "run", readable / corpus.name, readable / small_config.name)
        refused(call(*words(name, *given, out)), "ermission denied")

    assert in_child(unprivileged, log=tmp_path / "log") == 0, (tmp_path / "log").read_text()
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize(("step", "status"), [("keep_best", 2), ("keep", 0), ("finish", 2)])
def test_a_folder_that_is_removed_meanwhile(call, run, corpus, small_config, tmp_path, monkeypatch, step, status):
    """Where the next step makes the folder anew the training goes on; else it ends with one message."""
    written = getattr(RunFolder, step)

    def removed(self, *args):
        shutil.rmtree(self.path)
        return written(self, *args)

    monkeypatch.setattr(RunFolder, step, removed)
    result = call(*words("train", run, corpus, small_config, tmp_path / "out"))
    if status == 2:
        refused(result, "No such file or directory")
    else:
        assert result.exit_code == 0 and HookedClassifier.from_pretrained(tmp_path / "out").labels
