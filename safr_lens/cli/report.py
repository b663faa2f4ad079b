"""``safr-lens report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.option_groups import grouped
from safr_lens.cli.output import print_json, say, say_data
from safr_lens.progress import stages


@guarded
@grouped
def report(
    *,
    run: options.Run,
    out: Annotated[Path, options.written("The HTML file to write.")],
    baseline: Annotated[
        str | None, typer.Option(help="Another run to compare with, usually the unregularised one.")
    ] = None,
    data: options.Data = None,
    split: options.Split = "test",
    vectors: options.MeasuringVectors,
    faithfulness_texts: options.FaithfulnessTexts = None,
    seed: options.Seed = 0,
    reading: options.StreamedReading,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --out.")] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write one self-contained HTML page about a run: its measures, its neurons, and explained example texts.

    Example: safr-lens report runs/safr --baseline runs/unregularised --out report.html
    """
    from safr_lens.reporting import report as make_report

    view = make_report(
        run,
        baseline,
        out=out,
        data=data,
        split=split,
        **vars(vectors),
        faithfulness_texts=faithfulness_texts,
        seed=seed,
        overwrite=overwrite,
        stages=lambda name: stages(name, shown=not quiet),
        **reading.settings(),
    )
    content = view.content
    if as_json:
        print_json(
            {
                "report": str(out),
                "runs": content["names"],
                "measured": content["measured"],
                "seen": content["seen"],
                "label_mapping": content["label_mapping"],
                "warnings": content["warnings"],
                "verdicts": dict(content["verdicts"]),
                "texts": [{"text": one["text"], "label": one["label"], "rule": rule} for rule, one in content["texts"]],
            }
        )
        return
    for verdict, names in content["verdicts"]:
        say(f"{verdict}: {'; '.join(names)}")
    say_data(content["label_mapping"], content["seen"], content["warnings"])
    say(f"Open {out}.")
