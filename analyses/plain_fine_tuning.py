"""How accurate is a pretrained encoder that is fine-tuned in plain Hugging Face code, without this package's model?

The reference for fine-tuned models of this package: the same texts and splits, AdamW with warm-up and linear decay, a
linear layer on the mean of the last token vectors (``[CLS]`` and ``[SEP]`` left out). Appends one JSON line a seed.

Example: python analyses/plain_fine_tuning.py --backbone DIRECTORY --seeds 0 1 2 --results plain.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup

from safr_lens.data import load_data

WARM_UP = 0.1
WEIGHT_DECAY = 0.01


class MeanPooled(nn.Module):
    """An encoder, the mean of its last token vectors without special tokens, and a linear layer."""

    def __init__(self, source: str, n_classes: int) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(source, local_files_only=True)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(self.encoder.config.hidden_size, n_classes)

    def forward(self, encoded: dict[str, torch.Tensor]) -> torch.Tensor:
        special = encoded["special_tokens_mask"].bool()
        inputs = {name: encoded[name] for name in ("input_ids", "attention_mask")}
        vectors = self.encoder(**inputs).last_hidden_state
        mask = (inputs["attention_mask"].bool() & ~special).unsqueeze(-1)
        return self.classifier(self.dropout((vectors * mask).sum(1) / mask.sum(1)))


def encoded_batches(rows, tokenizer, *, batch_size: int, generator: torch.Generator | None = None):
    """Yield encoded texts of similar length with their labels, in random order where a generator is given."""
    order = torch.arange(len(rows)) if generator is None else torch.randperm(len(rows), generator=generator)
    texts, labels = rows["text"], rows["label"]
    for window in order.split(50 * batch_size):
        by_length = sorted(window.tolist(), key=lambda i: len(texts[i]))
        groups = [by_length[start : start + batch_size] for start in range(0, len(by_length), batch_size)]
        numbers = range(len(groups)) if generator is None else torch.randperm(len(groups), generator=generator).tolist()
        for number in numbers:
            chosen = groups[number]
            encoded = tokenizer(
                [texts[i] for i in chosen],
                padding=True,
                truncation=True,
                max_length=128,
                return_special_tokens_mask=True,
                return_tensors="pt",
            )
            yield encoded, torch.tensor([labels[i] for i in chosen])


@torch.inference_mode()
def accuracy(model: MeanPooled, rows, tokenizer) -> float:
    """Return the share of texts classified right."""
    model.eval()
    right = [
        (model(encoded).argmax(1) == labels).float()
        for encoded, labels in encoded_batches(rows, tokenizer, batch_size=64)
    ]
    return torch.cat(right).mean().item()


def fine_tuned(
    source: str, splits, *, n_classes: int, seed: int, epochs: int, learning_rate: float, batch_size: int
) -> dict:
    """Fine-tune one model and return its accuracies after each epoch."""
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
    model = MeanPooled(source, n_classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=WEIGHT_DECAY)
    n_steps = epochs * -(-len(splits["train"]) // batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, int(WARM_UP * n_steps), n_steps)
    generator = torch.Generator().manual_seed(seed)
    validation, test, seconds = [], [], []
    for _ in range(epochs):
        started = time.perf_counter()
        model.train()
        for encoded, labels in encoded_batches(splits["train"], tokenizer, batch_size=batch_size, generator=generator):
            F.cross_entropy(model(encoded), labels).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        seconds.append(round(time.perf_counter() - started, 1))
        validation.append(accuracy(model, splits["validation"], tokenizer))
        test.append(accuracy(model, splits["test"], tokenizer))
    return {"validation": validation, "test": test, "seconds_per_epoch": seconds}


def every_nth(n_rows: int, limit: int | None) -> range:
    """Return numbers of rows, evenly spaced, since rows may be sorted by class."""
    return range(0, n_rows, 1 if limit is None else -(-n_rows // limit))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", required=True, help="folder of a Hugging Face encoder")
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--limit", type=int, help="at most so many texts of each split")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--results", type=Path, help="file the runs are appended to")
    options = parser.parse_args()
    loaded = load_data(options.data)
    splits = {name: rows.select(every_nth(len(rows), options.limit)) for name, rows in loaded.items()}
    for seed in options.seeds:
        run = {"data": options.data, "seed": seed, "learning_rate": options.learning_rate, "epochs": options.epochs}
        run |= fine_tuned(
            options.backbone,
            splits,
            n_classes=len(loaded.labels),
            seed=seed,
            epochs=options.epochs,
            learning_rate=options.learning_rate,
            batch_size=options.batch_size,
        )
        print(json.dumps(run), flush=True)
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps(run) + "\n")


if __name__ == "__main__":
    main()
