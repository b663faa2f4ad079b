"""Activations, tables and analyses of reviews: how fast, and in how much memory, beside a plain loop.

The plain loop (``run_with_cache``) keeps all hook points of 32 texts at a time, padded to the longest of them.
``products`` are the matrix products of a stream alone, on the same batches: no stream is faster. Times are taken in
turn in one process; memory is the largest resident set, beyond the one with model and reviews loaded and as a whole,
each in a process of its own, and how many times as much the most texts take as the fewest.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from datasets import Dataset

from benchmarks.memory import in_new_process, largest_mib, peak_mib
from benchmarks.result import Result
from benchmarks.timing import interleaved
from safr_lens import HookedClassifier, ModelConfig, analyze, load_data, neuron_table, train_tokenizer
from safr_lens.activations import stream_activations
from safr_lens.activations.stream import text_batches
from safr_lens.measures import faithfulness
from safr_lens.word_vectors import word_vectors

NEURONS = "blocks.0.mlp.hook_post"


def stream(model: HookedClassifier, split: Dataset) -> None:
    for batch in stream_activations(model, split, NEURONS):
        batch.activations[NEURONS]


def loop(model: HookedClassifier, split: Dataset) -> None:
    for rows in split.iter(batch_size=32):
        tokens, mask = model.to_tokens(rows["text"], truncate=True)
        with torch.no_grad():
            _, cache = model.run_with_cache(tokens, mask)
        cache[NEURONS][mask]


def products(model: HookedClassifier, split: Dataset) -> None:
    """Multiply matrices of the sizes that a stream to the neurons of the only layer cannot do without, and no more."""
    d_model, sizes = model.config.d_model, [model.config.d_model] * 4 + [model.config.d_mlp]  # q, k, v, output; neurons
    weights = [torch.ones(d_model, size) for size in sizes]
    for batch in text_batches(model, split):
        residual = torch.ones(batch.tokens.numel(), d_model)
        for weight in weights:
            residual @ weight


def faithful(model: HookedClassifier, split: Dataset) -> None:
    faithfulness(model, split, max_texts=50, naopc_texts=5)


def vectors(model: HookedClassifier, split: Dataset) -> None:
    word_vectors(split["text"], model.tokenizer)


TASKS: dict[str, Callable[[HookedClassifier, Dataset], object]] = {
    "stream": stream,
    "run_with_cache": loop,
    "products": products,
    "neuron_table": neuron_table,
    "faithfulness": faithful,
    "analyze": analyze,
    "word_vectors": vectors,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", default="imdb")
    parser.add_argument("--run", help="folder of a trained classifier; by default one is made, untrained")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--texts", type=int, default=1000, help="of which times are taken")
    parser.add_argument("--repeats", type=int, default=5, help="0 for the memory alone")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 5000, 25000], help="texts, for the memory")


def run(options: argparse.Namespace) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or save_untrained(options.data, folder)
        results = [_times(run, options)] if options.repeats else []
        if options.sizes:
            arguments = run, options.data, options.threads
            rows = [
                {"task": task, "texts": n, **in_new_process(memory, task, *arguments, n)}
                for task in options.tasks
                for n in options.sizes
            ]
            results.append(Result("Memory", rows, growth(rows)))
    return results


def growth(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how many times the memory of the fewest texts (taken as 1 MiB at least) each task takes at the most.

    >>> growth([{"task": "analyze", "texts": n, "mib_beyond": 4.0 * n, "mib_whole": 100.0 * n} for n in (1, 2)])
    {'analyze, 2 / 1 texts': {'mib_beyond': 2.0, 'mib_whole': 2.0}}
    """
    found = {}
    for task in dict.fromkeys(row["task"] for row in rows):
        sizes = sorted((row for row in rows if row["task"] == task), key=lambda row: row["texts"])
        few, most = sizes[0], sizes[-1]
        if most["texts"] > few["texts"]:
            times = {name: most[name] / max(few[name], 1.0) for name in ("mib_beyond", "mib_whole")}
            found[f"{task}, {most['texts']} / {few['texts']} texts"] = times
    return found


def _times(run: str, options: argparse.Namespace) -> Result:
    model, split = HookedClassifier.from_pretrained(run), reviews(options.data, options.texts)
    n_tokens = sum(int(batch.mask.sum()) for batch in text_batches(model, split))
    kinds = {task: lambda i, act=partial(TASKS[task], model, split): act() for task in options.tasks}
    times = interleaved(kinds, repeats=options.repeats, warmup=1)
    rows = [{"task": task, "texts": len(split), "tokens": n_tokens, **one.row()} for task, one in times.items()]
    pairs = [("run_with_cache", "stream"), ("run_with_cache", "products"), ("stream", "products")]
    ratios = {f"{one} / {two}": times[one].times(times[two]) for one, two in pairs if {one, two} <= times.keys()}
    return Result("Times", rows, ratios)


def memory(task: str, run: str, data: str, threads: int, n_texts: int) -> dict[str, float]:
    """Return how many MiB a task takes beyond model and reviews, and with them, libraries and all, in this process."""
    torch.set_num_threads(threads)
    model, split = HookedClassifier.from_pretrained(run), reviews(data, n_texts)
    return {"mib_beyond": peak_mib(lambda: TASKS[task](model, split)), "mib_whole": largest_mib()}


def reviews(data: str, n_texts: int) -> Dataset:
    """Return texts of some data, evenly spaced; where there are too few, again, with one word more moved back.

    >>> moved_back("a dull film", 1)
    'dull film a'
    """
    split = load_data(data, cut_missing=False)["test"]
    step = max(1, len(split) // n_texts)
    chosen = split.select([i * step % len(split) for i in range(n_texts)])
    texts = [moved_back(text, i * step // len(split)) for i, text in enumerate(chosen["text"])]
    return Dataset.from_dict({"text": texts, "label": chosen["label"]}, features=chosen.features)


def moved_back(text: str, n_words: int) -> str:
    """Return a text whose first words stand at its end: the same words, and other pairs of them."""
    words = text.split()
    at = n_words % len(words)
    return " ".join(words[at:] + words[:at]) if at else text


def save_untrained(data: str, folder: str) -> str:
    """Write an untrained classifier of the default size, with the words of the reviews; return its folder."""
    split = load_data(data, cut_missing=False)["test"]
    tokenizer, labels = train_tokenizer(split["text"]), split.features["label"].names
    HookedClassifier.from_config(ModelConfig(n_ctx=256), tokenizer=tokenizer, labels=labels).save_pretrained(folder)
    return folder
