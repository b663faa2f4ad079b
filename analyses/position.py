"""Do the neurons of a SAFR classifier encode words, or positions?

The importance term asks the tokens of a text to use different neurons. Where positions are added to the residual
stream, the cheapest answer is a neuron for each position: every score rises and nothing gets clearer. Trains a SAFR
and an unregularised classifier with each kind of positional embedding and prints, for words and for positions, the
selectivity of the neurons above its null (types, or positions, shuffled among the tokens).

Example: python analyses/position.py --data rotten_tomatoes --seeds 0 1 2
"""

from __future__ import annotations

import argparse

import pandas as pd
import torch

from safr_lens.activations import stream_activations
from safr_lens.data import load_data
from safr_lens.measures import token_selectivity, type_means
from safr_lens.runs.settings import make_settings
from safr_lens.runs.train_run import train_run


def above_null(types: torch.Tensor, neurons: torch.Tensor, min_count: int) -> float:
    """Return the mean selectivity over alive neurons minus its null."""
    found = type_means(types, [neurons], min_count=min_count)
    null = torch.stack([token_selectivity(shuffled) for shuffled in found.null])
    return (token_selectivity(found.means).nanmean() - null.nanmean()).item()


def measure(model, split, min_count: dict[str, int]) -> dict[str, float]:
    """Return how far above chance the neurons of a model know words and positions."""
    hook = model.adapter.neurons(model.config.n_layers - 1)
    batches = list(stream_activations(model, split, hook))
    neurons = torch.cat([batch.activations[hook] for batch in batches])
    types = {
        "word": torch.cat([batch.tokens for batch in batches]),
        "position": torch.cat([batch.positions for batch in batches]),
    }
    return {name: above_null(types[name], neurons, min_count[name]) for name in types}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--min-count", type=int, default=50, help="positions seen less often are left out")
    options = parser.parse_args()
    min_count = {"word": 5, "position": options.min_count}
    data = load_data(options.data)
    rows = []
    for seed in options.seeds:
        for positions in ("standard", "shortformer"):
            for method, site in (("unregularised", "none"), ("SAFR", "neurons")):
                settings = make_settings(
                    {
                        "preset": "attention",
                        "average_weights": False,  # as when its figures were measured
                        "site": site,
                        "seed": seed,
                        "epochs": options.epochs,
                        "positional_embedding_type": positions,
                    }
                )
                result = train_run(settings, out=None, data=data, progress=False)
                accuracy = result.metrics["test"]["accuracy"]
                rows.append(
                    {"positions": positions, "method": method, "seed": seed, "accuracy": accuracy}
                    | measure(result.model, data["test"], min_count)
                )
                print(rows[-1], flush=True)
    frame = pd.DataFrame(rows).drop(columns="seed").groupby(["positions", "method"], sort=False)
    print((frame.mean().map("{:.3f}".format) + " ± " + frame.std().map("{:.3f}".format)).to_string())


if __name__ == "__main__":
    main()
