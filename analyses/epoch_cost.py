"""What does an epoch cost, and what share of it does the penalty take?

Times training steps (forward, penalty, backward, Adam) at the paper's sizes over the same texts in three ways, in turn,
so that a drift of the machine's speed falls on all of them: length-bucketed batches without and with the SAFR terms,
and every text padded to the whole context with them. Prints seconds for one epoch and the ratios.

Example: python analyses/epoch_cost.py --data rotten_tomatoes
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from safr_lens import HookedClassifier, ModelConfig, SafrPenalty, load_data, train_tokenizer
from safr_lens.data import Batch, batches
from safr_lens.training.step import batch_terms, weighted_sum
from safr_lens.word_vectors import word_vectors
from safr_lens.word_vectors.table import embedding_table


def padded(batch: Batch, n_ctx: int, pad_id: int) -> Batch:
    """Return the batch padded to the whole context."""
    extra = (0, n_ctx - batch.tokens.shape[1])
    pad = torch.nn.functional.pad
    return Batch(pad(batch.tokens, extra, value=pad_id), pad(batch.mask, extra), batch.labels, batch.example)


class Trainee:
    """A classifier with its optimizer and penalty."""

    def __init__(self, tokenizer, labels, site: str, vectors: torch.Tensor) -> None:
        self.model = HookedClassifier.from_config(ModelConfig(), tokenizer=tokenizer, labels=labels).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=5e-4)
        self.penalty, self.vectors = SafrPenalty(site=site), vectors

    def step(self, batch: Batch) -> float:
        """Train on one batch and return the seconds it took."""
        started = time.perf_counter()
        terms = batch_terms(self.model, batch, self.penalty, backbone=self.model.adapter, vectors=self.vectors)
        weighted_sum(terms, self.penalty.weights(1.0)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--steps", type=int, default=60, help="steps that are timed of each kind")
    options = parser.parse_args()
    split = load_data(options.data, cut_missing=False)["test"]
    tokenizer = train_tokenizer(split["text"])
    vectors = embedding_table(word_vectors(split["text"], tokenizer), tokenizer)
    generator = torch.Generator().manual_seed(0)
    bucketed = list(batches(split, tokenizer, n_ctx=128, batch_size=32, generator=generator))
    kinds = {
        "bucketed, no penalty": (Trainee(tokenizer, ["a", "b"], "none", vectors), bucketed),
        "bucketed, SAFR": (Trainee(tokenizer, ["a", "b"], "neurons", vectors), bucketed),
        "padded to 128, SAFR": (
            Trainee(tokenizer, ["a", "b"], "neurons", vectors),
            [padded(batch, 128, tokenizer.pad_id) for batch in bucketed[: options.steps + 3]],
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    n_steps = min(options.steps, len(bucketed) - 3)
    for step in range(n_steps + 3):
        for name, (trainee, made) in kinds.items():
            took = trainee.step(made[step])
            if step >= 3:
                seconds[name].append(took)
    tokens = sum(int(batch.mask.sum()) for batch in bucketed)
    print(
        f"{len(split):,} texts of {options.data}, {tokens:,} tokens, {len(bucketed)} steps, "
        f"{torch.get_num_threads()} threads"
    )
    for name, took in seconds.items():
        print(f"{name:22}  {len(bucketed) * statistics.mean(took):6.1f} s an epoch")
    plain, safr, whole = (sum(took) for took in seconds.values())
    print(f"the SAFR terms take {100 * (safr - plain) / safr:.0f} % of an epoch")
    print(f"padding everything to 128 costs {whole / safr:.1f} times as much")


if __name__ == "__main__":
    main()
