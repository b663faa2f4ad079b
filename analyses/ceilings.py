"""How high can the scores of neurons be at all? Perfect codes, measured as trained neurons are.

No model is trained. Neurons are written down that answer to one word each, to one group of words each (k-means groups
of the training split's word vectors), or to a random group, and are measured on a split with the same nulls and the
same judge of meaning as in the study. What a perfect code does not reach, no training can. The last codes have groups
of other vectors: those of other texts, which say how far two sets of vectors agree at all, and the judge's own, what a
neuron would have that knew how it is judged. With ``--backbone`` words are an encoder's word pieces, and its token
embeddings take the place of the training split's vectors.

Examples: python analyses/ceilings.py --data rotten_tomatoes
python analyses/ceilings.py --backbone DIRECTORY --splits test --judge glove.6B.100d.txt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.cluster import KMeans
from study_parts.sources import Source, load_source

from safr_lens.data.batching import batches
from safr_lens.measures import NameFidelity, monosemanticity_score, name_fidelity, token_selectivity
from safr_lens.measures.entries.name_fidelity import LEAST_SEEN
from safr_lens.measures.streams.type_means import TypeActivations
from safr_lens.word_vectors import read_word_vectors
from safr_lens.word_vectors.table import embedding_table


def tokens_of(source: Source, split: str) -> torch.Tensor:
    """Return the ids of all tokens of a split, one after the other."""
    tokenizer = source.tokenizer
    return torch.cat([batch.tokens[batch.mask] for batch in batches(source.data[split], tokenizer, n_ctx=128)])


def groups_of(vectors: torch.Tensor, n_groups: int, seed: int) -> np.ndarray:
    """Return the number of each word's group, -1 for words without a vector."""
    known = vectors.isfinite().all(1).numpy()
    found = np.full(len(vectors), -1)
    found[known] = KMeans(n_groups, n_init=1, random_state=seed).fit_predict(vectors[torch.from_numpy(known)].numpy())
    return found


def codes(tokens: torch.Tensor, vectors: torch.Tensor, n_neurons: int, seed: int) -> dict[str, torch.Tensor]:
    """Return each perfect code: which neuron (or -1) each token id turns on."""
    counts = tokens.bincount(minlength=len(vectors))
    words = torch.full((len(vectors),), -1)
    most_common = counts.argsort(descending=True)[:n_neurons]
    words[most_common] = torch.arange(n_neurons)
    groups = groups_of(vectors, n_neurons, seed)
    shuffled = groups.copy()
    known = np.flatnonzero(groups >= 0)
    shuffled[known] = np.random.default_rng(seed).permutation(groups[known])
    few = groups_of(vectors, n_neurons // 8, seed)
    return {
        f"a word each, the {n_neurons} most common": words,
        f"{n_neurons} groups of related words": torch.from_numpy(groups),
        f"{n_neurons // 8} groups of related words": torch.from_numpy(few),
        f"{n_neurons} groups of the same sizes, at random": torch.from_numpy(shuffled),
    }


def measured(tokens: torch.Tensor, code: torch.Tensor, judge: torch.Tensor) -> dict[str, float]:
    """Return the mean scores over neurons that fire, raw and above their nulls."""
    n_neurons, neuron = int(code.max()) + 1, code[tokens]
    metric = TypeActivations(tokens.bincount(minlength=len(code)), d_mlp=n_neurons, n_null=3)
    for places in torch.arange(len(tokens)).split(4096):
        rows = torch.nn.functional.one_hot(neuron[places] + 1, n_neurons + 1)[:, 1:].float()
        metric.update(rows, tokens[places], numbers=places)
    means = metric.result().means()
    selective = [token_selectivity(one) for one in (means.means, *means.null)]
    meant = [monosemanticity_score(one, judge[means.types]) for one in (means.means, *means.null)]
    values, null = selective[0], torch.stack(selective[1:]).nanmean(0)
    defined = (values - null).isfinite()
    above, left = (values - null)[defined].mean(), (1 - null)[defined].mean()
    return {
        "token sel.": values[defined].mean().item(),
        "above null": above.item(),
        "chance-normalised": (above / left).item(),
        "MS above null": (meant[0] - torch.stack(meant[1:]).nanmean(0)).nanmean().item(),
        "neurons with an MS": int(meant[0].isfinite().sum()),
    }


def named(tokens: torch.Tensor, code: torch.Tensor, judge: torch.Tensor) -> dict[str, float]:
    """Return the name fidelity of a perfect code, each half of the tokens named by the other."""
    halves = []
    for half in tokens.tensor_split(2):
        counts = half.bincount(minlength=len(code))
        active = torch.nn.functional.one_hot(code + 1, int(code.max()) + 2)[:, 1:].float()
        halves.append(active.where((counts >= LEAST_SEEN).unsqueeze(1), torch.nan))
    seen = tokens.unique()
    there, back = (name_fidelity(halves[i][seen], halves[1 - i][seen], judge[seen]) for i in (0, 1))
    found = NameFidelity.mean([there, back])
    known = found.auc.isfinite() & found.null.isfinite()
    return {
        "name AUC": found.auc[known].mean().item(),
        "others' names": found.null[known].mean().item(),
        "names that hold": found.holds[known].float().mean().item(),
        "neurons with one": int(known.sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rotten_tomatoes", choices=["rotten_tomatoes", "sst2", "imdb"])
    parser.add_argument("--sst2", type=Path, help="folder with SST-2's train.tsv and validation.tsv")
    parser.add_argument("--splits", nargs="+", default=["validation", "train"])
    parser.add_argument("--neurons", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="texts of each split, for a quick look")
    parser.add_argument("--backbone", type=Path, help="folder of a pretrained encoder: word pieces instead of words")
    parser.add_argument("--judge", type=Path, help="a file of word vectors, as the judge")
    options = parser.parse_args()
    source = load_source(options.data, sst2=options.sst2, limit=options.limit, encoder=options.backbone)
    judge = read_word_vectors(options.judge, source.tokenizer) if options.judge else source.judge
    own, reviews, judge = (
        embedding_table(one, source.tokenizer) for one in (source.own, source.vectors["imdb"], judge)
    )
    if options.backbone:  # most of its vocabulary never occurs in these texts
        unseen = tokens_of(source, "train").bincount(minlength=len(own)) == 0
        own[unseen], reviews[unseen] = torch.nan, torch.nan
    rows = []
    for split in options.splits:
        tokens = tokens_of(source, split)
        written = codes(tokens, own, options.neurons, options.seed)
        few = options.neurons // 8
        for whose, vectors in (("imdb's training texts'", reviews), ("the judge's", judge)):
            written[f"{few} groups of {whose} related words"] = torch.from_numpy(groups_of(vectors, few, options.seed))
        for name, code in written.items():
            rows.append({"split": split, "tokens": len(tokens), "neurons answer to": name})
            rows[-1] |= measured(tokens, code, judge) | named(tokens, code, judge)
    print(pd.DataFrame(rows).round(4).to_string(index=False))
    print("Equally active at every word of a group, a neuron is named by any five of them.")


if __name__ == "__main__":
    main()
