"""Lint, format, types, import order and packaging: the package's own habits, checked with every run of the tests."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _run(*command):
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_has_nothing_to_say(command):
    _run("-m", "ruff", *command, "safr_lens", "tests", "analyses", "benchmarks")


def test_imports_point_one_way_and_never_in_a_circle():
    _run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")


def test_mypy_finds_nothing():
    _run("-m", "mypy")


def test_sdist_and_wheel_hold_the_package_and_nothing_else(tmp_path):
    _run("-m", "hatchling", "build", "-d", str(tmp_path))
    (sdist,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(sdist) as archive:
        names = {name.split("/")[1] for name in archive.getnames()}
    assert names == {"safr_lens", "pyproject.toml", "README.md", "LICENSE", "PKG-INFO", ".gitignore"}
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "safr_lens/py.typed" in names
    assert all(name.startswith(("safr_lens/", "safr_lens-")) for name in names)
