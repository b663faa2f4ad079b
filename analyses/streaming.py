"""How fast are activations streamed, and in how much memory, beside a plain loop?

Streams one layer's neurons over reviews with an untrained classifier of the default size (or a trained one, with
--run), and takes the same from two plain loops over ``run_with_cache``, which keeps all hook points: 32 texts at a
time, as they come and padded to the longest of them, and one text at a time. Each measurement is a process of its own,
since a process remembers its largest memory. What is compared runs in turn on the same reviews, so that a drift of
the machine's speed falls on all of it, and ratios are given of the time on the processors, too, which other programs on
the machine disturb least. Memory is the largest resident set during the loop beyond the one just before it, with model
and reviews loaded (Linux).

Example: python analyses/streaming.py --data imdb
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import torch
from datasets import Dataset

from safr_lens import HookedClassifier, ModelConfig, load_data, train_tokenizer
from safr_lens.activations import stream_activations
from safr_lens.activations.stream import text_batches

NEURONS = "blocks.0.mlp.hook_post"
MIB = 2**20


def stream(model: HookedClassifier, split: Dataset) -> None:
    """Stream the neurons."""
    for batch in stream_activations(model, split, NEURONS):
        batch.activations[NEURONS]


def plain(model: HookedClassifier, split: Dataset, *, batch_size: int = 32) -> None:
    """Take the neurons from a loop that keeps all hook points of a batch."""
    for rows in split.iter(batch_size=batch_size):
        tokens, mask = model.to_tokens(rows["text"], truncate=True)
        with torch.no_grad():
            _, cache = model.run_with_cache(tokens, mask)
        cache[NEURONS][mask]


def one_by_one(model: HookedClassifier, split: Dataset) -> None:
    """Take the neurons as :func:`plain` does, one text at a time."""
    plain(model, split, batch_size=1)


def analysis(model: HookedClassifier, split: Dataset) -> None:
    """Make the table of all neurons: everything that is measured of them in one command."""
    from safr_lens.neurons import neuron_table

    neuron_table(model, split)


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["safr_lens"])  # imported once, not by every process
LOOPS = {"stream": stream, "plain": plain, "one by one": one_by_one, "analysis": analysis}


def reviews(source: str) -> Dataset:
    """Return all texts of a data set as one split."""
    return load_data(source, cut_missing=False)["test"]


def measure(kind: str, run: str, source: str, n_texts: int, threads: int) -> dict:
    """Run one loop in this process and return its time and memory."""
    torch.set_num_threads(threads)
    model = HookedClassifier.from_pretrained(run)
    split = reviews(source)
    split = split.select([i % len(split) for i in range(n_texts)])
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forgets how much memory the loading took for a moment
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    started, on_processors = time.perf_counter(), time.process_time()
    LOOPS[kind](model, split)
    seconds, on_processors = time.perf_counter() - started, time.process_time() - on_processors
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    n_tokens = sum(int(batch.mask.sum()) for batch in text_batches(model, split))
    return {
        "kind": kind,
        "texts": n_texts,
        "tokens": n_tokens,
        "seconds": seconds,
        "processor_seconds": on_processors,
        "tokens_per_second": n_tokens / seconds,
        "mib_before": before / MIB,
        "mib_beyond": (largest - before) / MIB,
        "load_average": os.getloadavg()[0],
    }


def measured(kind: str, run: str, n_texts: int, options: argparse.Namespace) -> dict:
    """Return what :func:`measure` returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=PROCESSES) as pool:
        row = pool.submit(measure, kind, run, options.data, n_texts, options.threads).result()
    print(shown(row), file=sys.stderr)
    return row


def shown(row: dict) -> str:
    """Return one line of the table."""
    time_taken = f"{row['seconds']:8.1f} s ({row['processor_seconds']:,.1f} s on processors)"
    memory = f"{row['mib_beyond']:>8,.0f} MiB beyond {row['mib_before']:,.0f}"
    return (
        f"{row['kind']:12} {row['texts']:>8,} texts {row['tokens']:>11,} tokens {time_taken} "
        f"{row['tokens_per_second']:>9,.0f} tokens/s {memory}"
    )


def ratios(rows: list[dict], kind: str, n_texts: int, seconds: str) -> dict:
    """Return how many times as long another loop takes as the stream on the same texts, over the repeats."""

    def times(kind: str) -> list[float]:
        return [row[seconds] for row in rows if (row["kind"], row["texts"]) == (kind, n_texts)]

    found = [slow / fast for fast, slow in zip(times("stream"), times(kind), strict=True)]
    return {"min": min(found), "median": statistics.median(found), "max": max(found)}


def compare(options: argparse.Namespace, run: str) -> dict:
    """Take all measurements."""
    in_all = options.limit or len(reviews(options.data))
    n_compared = min(options.compare, in_all)
    rows = [
        measured(kind, run, n_compared, options)
        for _ in range(options.repeats)
        for kind in ("stream", "plain", "one by one")
    ]
    result = {
        f"times_{kind}{on}".replace(" ", "_"): ratios(rows, kind, n_compared, seconds)
        for kind in ("plain", "one by one")
        for on, seconds in (("", "seconds"), (" on processors", "processor_seconds"))
    }
    kinds = ["stream", "analysis"] if options.analysis else ["stream"]
    sizes = sorted({min(n, in_all) for n in (1000, 5000, in_all)})
    rows += [measured(kind, run, n_texts, options) for kind in kinds for n_texts in sizes]
    return {"threads": options.threads, "torch": torch.__version__, "rows": rows, **result}


def table(result: dict) -> str:
    """Return the measurements as a table, and the ratios below it."""
    lines = [shown(row) for row in result["rows"]]
    for name, ratio in result.items():
        if name.startswith("times_"):
            span = f"{ratio['median']:.1f} (from {ratio['min']:.1f} to {ratio['max']:.1f})"
            lines.append(f"streaming is {span} times as fast as {name.removeprefix('times_').replace('_', ' ')}")
    return "\n".join([*lines, f"{result['threads']} threads, torch {result['torch']}"])


def save_untrained(source: str, folder: str) -> str:
    """Write an untrained classifier of the default size, with the words of the reviews; return its folder."""
    split = reviews(source)
    tokenizer, labels = train_tokenizer(split["text"]), split.features["label"].names
    HookedClassifier.from_config(ModelConfig(n_ctx=256), tokenizer=tokenizer, labels=labels).save_pretrained(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="imdb")
    parser.add_argument("--run", help="folder of a trained classifier; by default one is made, untrained")
    parser.add_argument("--limit", type=int, help="texts in all; by default those of the data, repeated if more")
    parser.add_argument("--compare", type=int, default=2000, help="texts that are streamed and looped over in turn")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--analysis", action="store_true", help="measure the table of all neurons, too")
    parser.add_argument("--json", action="store_true", help="print JSON and no table")
    parser.add_argument("--out", type=Path, help="write the JSON to a file, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = compare(options, options.run or save_untrained(options.data, folder))
    text = json.dumps(result, indent=2)
    print(text if options.json else table(result))
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
