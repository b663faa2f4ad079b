"""Start of the command line: help, version and a prediction, beside importing torch and transformer_lens."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time

from benchmarks.analysis import save_untrained
from benchmarks.result import Result
from benchmarks.timing import Times

IMPORTS = ("-c", "import torch, transformer_lens")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", default="rotten_tomatoes", help="whose words the classifier knows")
    parser.add_argument("--run", help="folder of a trained classifier; by default one is made, untrained")
    parser.add_argument("--repeats", type=int, default=7)


def run(options: argparse.Namespace) -> list[Result]:
    cli = ("-m", "safr_lens")
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or save_untrained(options.data, folder)
        commands = {
            "--version": (*cli, "--version"),
            "--help": (*cli, "--help"),
            "train --help": (*cli, "train", "--help"),
            "predict": (*cli, "predict", run, "a film"),
            "import torch, transformer_lens": IMPORTS,
        }
        times = {name: Times() for name in commands}
        for _ in range(options.repeats):
            for name, words in commands.items():
                started(words, times[name])
    ratios = {"predict / import": times["predict"].times(times["import torch, transformer_lens"])}
    return [Result("Start", [{"command": name, **one.row()} for name, one in times.items()], ratios)]


def started(words: tuple[str, ...], into: Times) -> None:
    """Run Python with some words and add how long it took."""
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    into.wall.append(time.perf_counter() - wall)
    into.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
