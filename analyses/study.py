"""Is SAFR worth using? Methods × weights × seeds × data, each trained and measured; tables, figures and a page.

Stage "ablate" changes one setting of SAFR at a time, stage "choose" trains every weight of every method, stage "own" is
the first screening, with word vectors of the training split alone, stage "few" makes a token's evidence that of few
neurons; all are measured on the validation split. Stage
"final" trains the chosen weight of each method and what is recommended with other seeds, keeps the mean of the weights
and measures on the test split; "last_step" does so with the weights of the last step, as all other stages do.
All cells stand in cells.parquet, one a row. A cell is written to a file of its own when it is done and skipped when it
is there, so the study can be stopped and called again at any point; then, as without --stage, all cells are put into
cells.parquet, and tables and figures are made anew from them.

Example: python analyses/study.py --stage choose --data rotten_tomatoes --plan
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import torch
import yaml
from study_parts.cell import run_cell
from study_parts.figures import pareto
from study_parts.frontier import frontier
from study_parts.grid import DATA, METHODS_OF, REMOVED_AFTER, SECONDS, Cell, cells
from study_parts.page_tables import fill_pages
from study_parts.results import write_results
from study_parts.sources import Source, load_source
from study_parts.store import CELLS, read_cells, write_cell, write_cells
from study_parts.table import chosen_weights, judged, tidy

from safr_lens.errors import ConfigError

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "study"
FAITHFULNESS_TEXTS = 100
NAMES = list(dict.fromkeys(method.name for methods in METHODS_OF.values() for method in methods))


def asked_cells(options: argparse.Namespace) -> list[Cell]:
    """Return the cells that the options ask for and that are not there yet."""
    found = []
    done = read_cells(options.out)
    chosen = chosen_weights(judged(tidy(done))) if done else {}
    for stage in options.stage or ():
        asked = cells(stage, tuple(options.data), tuple(options.seeds) if options.seeds else None, chosen)
        found += [cell for cell in asked if _wanted(cell, options)]
    part, parts = options.part  # taken ahead of what is done, or parts started at different times would overlap
    known = set() if options.again else {(cell["stage"], cell["name"]) for cell in done}
    return [cell for cell in found[part - 1 :: parts] if (cell.stage, cell.name) not in known]


def runnable(asked: list[Cell], *, by_name: bool) -> list[Cell]:
    """Return the cells without removed settings.

    Raises:
        ConfigError: a cell with one, of a method that was asked for by its name.
    """
    for cell in (one for one in asked if one.removed):
        message = (
            f"{cell.method}, {cell.weight} cannot be run: it sets {' and '.join(cell.removed)}, which the package no "
            f"longer has. Its cells ran at commit {REMOVED_AFTER}; check that out to run more of them."
        )
        if by_name:
            raise ConfigError(message)
        print(message, file=sys.stderr)
    return [cell for cell in asked if not cell.removed]


def _wanted(cell: Cell, options: argparse.Namespace) -> bool:
    method = not options.only or cell.method in options.only
    return method and (not options.weights or cell.weight in options.weights)


def plan(asked: list[Cell]) -> None:
    """Print what would run, and about how long it takes on one CPU core."""
    for cell in asked:
        print(f"{cell.stage:7} {cell.data:16} {cell.method:28} {cell.weight:9} seed {cell.seed}")
    hours = sum(SECONDS[cell.data] for cell in asked) / 3600
    print(
        f"{len(asked)} cells, about {hours:.1f} hours of one CPU core, {hours / 2:.1f} hours on two (--part 1/2, 2/2)"
    )


def run(asked: list[Cell], options: argparse.Namespace) -> None:
    """Run cells one after another and write each when it is done."""
    sources: dict[str, Source] = {}
    overrides = {name: yaml.safe_load(value) for name, value in (pair.split("=", 1) for pair in options.set)}
    for number, cell in enumerate(asked, start=1):
        if cell.data not in sources:
            sources = {cell.data: load_source(cell.data, sst2=options.sst2, limit=options.limit, file=options.vectors)}
        started = time.perf_counter()
        settings = {**cell.settings, **overrides}
        found = run_cell(
            sources[cell.data],
            settings,
            split=cell.split,
            seed=cell.seed,
            faithfulness=min(options.faithfulness, options.limit or options.faithfulness),
        )
        known = {**dataclasses.asdict(cell), "name": cell.name, "settings": settings}
        write_cell(options.out, {**known, **found})
        passed = time.perf_counter() - started
        print(f"{number} of {len(asked)}: {cell.name} in {passed:.0f} s", flush=True)


def report(out: Path) -> None:
    """Put all finished cells into one file, and write tables, figures and the page from them."""
    done = read_cells(out)
    if not done:
        print(f"No cell in {out} yet; run one with --stage choose.")
        return
    table = tidy(done)
    wide = judged(table)
    chosen = chosen_weights(wide)
    write_cells(out, done)
    figures = [path for stage in ("choose", "final", "last_step") for path in pareto(wide, out, stage=stage)]
    figures += [path for stage in ("few", "final") for path in frontier(wide, out, stage=stage)]
    write_results(wide, table, done, chosen, out, figures)
    if out.resolve() == RESULTS.resolve():
        fill_pages(ROOT, wide)
    print(f"{len(done)} cells: {out / CELLS}, {out.parent / 'results.md'}")
    print(json.dumps(chosen, indent=2))


def _part(text: str) -> tuple[int, int]:
    part, parts = (int(number) for number in text.split("/"))
    if not 1 <= part <= parts:
        raise ValueError
    return part, parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", nargs="+", choices=list(METHODS_OF), help="what to run; without it, report only")
    parser.add_argument("--data", nargs="+", default=["rotten_tomatoes"], choices=list(DATA))
    parser.add_argument("--sst2", type=Path, help="folder with SST-2's train.tsv and validation.tsv")
    parser.add_argument("--vectors", type=Path, help="word vectors of the methods that take a file")
    parser.add_argument("--only", nargs="+", choices=NAMES, help="these methods alone")
    parser.add_argument("--weights", nargs="+", help="of these methods, the settings with these labels alone")
    parser.add_argument("--seeds", nargs="+", type=int, help="by default those of the stage")
    parser.add_argument("--again", action="store_true", help="cells that are there too, to add new measures")
    parser.add_argument("--faithfulness", type=int, default=FAITHFULNESS_TEXTS, help="texts that it is measured with")
    parser.add_argument("--plan", action="store_true", help="print what would run, and its cost")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="I/N", help="run every N-th cell, from the I-th")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--limit", type=int, help="texts of each split, for a quick look")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings for all cells, as YAML")
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="folder of the cells; results.md is written beside it"
    )
    options = parser.parse_args()
    try:
        asked = runnable(asked_cells(options), by_name=bool(options.only))
    except ConfigError as error:
        parser.error(str(error))
    if options.plan:
        plan(asked)
        return
    torch.set_num_threads(options.threads)
    run(asked, options)
    report(options.out)


if __name__ == "__main__":
    main()
