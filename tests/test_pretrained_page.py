"""The page on pretrained models runs as it is written, on MiniLM, with a few texts in place of the reviews."""

from __future__ import annotations

import os
import shlex

import pytest
from typer.testing import CliRunner

from safr_lens.cli import app
from tests.backbones.pretrained.encoders import MINILM, write_small_classifier
from tests.test_documentation import blocks

PAGE = "docs/pretrained.md"
ROWS = [("a warm and funny film", "positive"), ("the plot is dull", "negative"), ("moving", "positive")]
ROWS += [("tedious , unwatchable mess", "negative"), ("a great unputdownable story", "positive"), ("bad", "negative")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    lines = [f'"{text} {word}",{label}' for word in ("indeed", "again", "today", "here") for text, label in ROWS]
    (folder / "reviews.csv").write_text("\n".join(["text,label", *lines]))
    (folder / "path/to").mkdir(parents=True)
    (folder / "path/to/encoder").symlink_to(MINILM)
    write_small_classifier(folder / "path/to/classifier", "bert", ("negative", "positive"))
    before = os.getcwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def test_its_commands_run_in_order(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))  # token vectors are kept there
    lines = [line for block in blocks(PAGE, "bash") for line in block.splitlines()]
    own_tests = ("python analyses/", "#")
    commands = [line for line in lines if not line.startswith(own_tests)]
    assert len(commands) == 10
    for command in commands:
        words = shlex.split(command.replace("rotten_tomatoes", "reviews.csv"))[1:]
        words += {"train": ["--epochs", "1", "--quiet"], "predict": [], "evaluate": []}.get(words[0], ["--quiet"])
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}\n{result.output}"
        assert words[0] != "predict" or "unputdownable" in result.output


@pytest.mark.parametrize("number", range(len(blocks(PAGE))))
def test_its_python_runs(folder, monkeypatch, number):
    monkeypatch.setenv("HOME", str(folder))
    code = blocks(PAGE)[number].replace("rotten_tomatoes", "reviews.csv")
    code = code.replace('out="runs/head-in-python"', "safr_lens.TrainConfig(epochs=1), progress=False")
    exec(compile(code, PAGE, "exec"), {})
    made = ("allocation.html", "runs/fine-tuned/model.safetensors")
    assert (folder / made[number]).stat().st_size > 1000
