"""What does VMASK call important, and how far are its keep-probabilities apart?

Trains one classifier and prints on the test split the spread of the keep-probability q over tokens, and the
words with the highest and lowest mean q among those seen at least five times.

Example: python analyses/importance.py --data rotten_tomatoes --end 0.3
"""

from __future__ import annotations

import argparse

import pandas as pd

from safr_lens.data import batches, load_data
from safr_lens.models.evaluating import evaluating
from safr_lens.runs.settings import make_settings
from safr_lens.runs.train_run import train_run


def keep_probabilities(model, split) -> pd.DataFrame:
    """Return word and q of every token of a split."""
    rows = []
    for batch in batches(split, model.tokenizer, n_ctx=model.config.n_ctx, batch_size=128):
        with evaluating(model):
            q = model(batch.tokens, batch.mask).importance[batch.mask]
        rows += zip(map(model.tokenizer.word, batch.tokens[batch.mask].tolist()), q.tolist(), strict=True)
    return pd.DataFrame(rows, columns=["word", "q"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--site", default="neurons", choices=["neurons", "none"])
    parser.add_argument("--end", type=float, default=0.1, help="information weight from the second epoch on")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = load_data(options.data)
    weight = {"start": 1.0, "end": options.end, "delay": 1.0, "epochs": 0.0}
    settings = make_settings(
        {
            "preset": "attention",
            "average_weights": False,  # as when its figures were measured
            "site": options.site,
            "seed": options.seed,
            "epochs": options.epochs,
            "information_weight": weight,
        }
    )
    result = train_run(settings, out=None, data=data, progress=False)
    found = keep_probabilities(result.model, data["test"])
    print(
        f"accuracy {result.metrics['test']['accuracy']:.3f}, validation {result.metrics['validation']['accuracy']:.3f}"
    )
    print("q over tokens, quantiles:", found["q"].quantile([0.05, 0.25, 0.5, 0.75, 0.95]).round(3).to_dict())
    words = found.groupby("word")["q"].agg(["mean", "size"]).query("size >= 5").sort_values("mean")
    print("highest:", ", ".join(words.index[::-1][:25]))
    print("lowest:", ", ".join(words.index[:25]))


if __name__ == "__main__":
    main()
