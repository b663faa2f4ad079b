"""Run a benchmark: ``python -m benchmarks NAME``; ``python -m benchmarks NAME --help`` shows its options."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

import torch

# modules of this folder with add_options(parser) and run(options) -> list[Result]
BENCHMARKS = ("step", "sizes", "fine_tuning", "analysis", "start")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for name in BENCHMARKS:
        module = importlib.import_module(f"benchmarks.{name}")
        command = commands.add_parser(name, help=module.__doc__.splitlines()[0], description=module.__doc__)
        command.add_argument("--threads", type=int, default=torch.get_num_threads())
        command.add_argument("--json", action="store_true", help="print JSON and no table")
        command.add_argument("--out", type=Path, help="write the JSON to a file, too")
        module.add_options(command)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = importlib.import_module(f"benchmarks.{options.benchmark}").run(options)
    for result in results:
        result.options = vars(options)
    text = json.dumps([result.to_dict() for result in results], indent=2)
    print(text if options.json else "\n\n".join(result.table() for result in results))
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
