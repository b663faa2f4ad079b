"""What the benchmarks of training train: corpora, our trainer, and the same steps in plain code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.plain import PlainClassifier
from benchmarks.release import ReleaseClassifier, release_loss
from safr_lens import HookedClassifier, ModelConfig, SafrPenalty, TextData, TrainConfig, load_data, train_tokenizer
from safr_lens.data import Batch, batches
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.penalty.relatedness import unit_or_zero
from safr_lens.training.loop import Trainer
from safr_lens.word_vectors import word_vectors
from safr_lens.word_vectors.table import embedding_table

EPOCH = 1.5  # of which the weights of the penalty are taken


@dataclass(frozen=True)
class Corpus:
    """Texts with the tokenizer and the word vectors that a training on them uses."""

    data: TextData
    tokenizer: TextTokenizer
    vectors: Tensor

    @cached_property
    def unit_vectors(self) -> Tensor:
        """Return the vectors at unit length, as a training makes them once."""
        return unit_or_zero(self.vectors)

    def batches(self, *, n_ctx: int, batch_size: int, seed: int = 0) -> list[Batch]:
        """Return the batches of an epoch."""
        order = torch.Generator().manual_seed(seed)
        split = self.data["train"]
        return list(batches(split, self.tokenizer, n_ctx=n_ctx, batch_size=batch_size, generator=order))


def reviews(source: str) -> Corpus:
    """Return the training split of a source, with vectors made from it."""
    data = load_data(source)
    tokenizer = train_tokenizer(data["train"]["text"])
    return Corpus(data, tokenizer, embedding_table(word_vectors(data["train"]["text"], tokenizer), tokenizer))


def synthetic(*, length: int, vocabulary: int, n_texts: int, seed: int = 0) -> Corpus:
    """Return texts of one length whose words have the frequencies of a language (Zipf), and vectors at random."""
    generator = torch.Generator().manual_seed(seed)
    words = [f"w{i}" for i in range(vocabulary - 2)]  # beside padding and unknown words
    ranks = torch.multinomial(1 / torch.arange(1.0, len(words) + 1), n_texts * length, True, generator=generator)
    texts = [" ".join(words[i] for i in row) for row in ranks.view(n_texts, length).tolist()]
    tokenizer = train_tokenizer([*texts, " ".join(words)], min_frequency=1, max_vocab=vocabulary)
    rows = Dataset.from_dict({"text": texts, "label": [i % 2 for i in range(n_texts)]})
    data = TextData(source="synthetic", labels=("a", "b"), splits=dict.fromkeys(("train", "validation", "test"), rows))
    return Corpus(data, tokenizer, torch.randn(tokenizer.d_vocab, 100, generator=generator))


def make_model(corpus: Corpus, config: ModelConfig) -> HookedClassifier:
    """Return an untrained classifier."""
    return HookedClassifier.from_config(config, tokenizer=corpus.tokenizer, labels=corpus.data.labels)


def our_step(model: HookedClassifier, corpus: Corpus, penalty: SafrPenalty, config: TrainConfig) -> Callable:
    """Return the step of a training, as ``safr_lens.train`` makes it."""
    trainer = Trainer(model, corpus.data, config, penalty, None, corpus.vectors)
    trainer.wrapped.train()
    weights = penalty.weights(EPOCH)
    return lambda batch: trainer._step([batch], weights, 1, first=0, k=None)


def stepping(model: nn.Module, loss_of: Callable[[Batch], Tensor], config: TrainConfig, *, fused: bool) -> Callable:
    """Return a step in plain PyTorch: forward, backward, clipping, Adam."""
    kind, decay = (torch.optim.AdamW, config.weight_decay) if config.weight_decay else (torch.optim.Adam, 0.0)
    optimizer = kind(model.parameters(), lr=config.learning_rate, weight_decay=decay, fused=fused)
    model.train()

    def step(batch: Batch) -> None:
        loss_of(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()

    return step


def plain_step(model: HookedClassifier, batch: Batch, config: TrainConfig) -> Callable:
    """Return the step of the bare model, after a check that it gives the same logits on a batch."""
    bare = PlainClassifier(model).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            bare(batch.tokens, batch.mask), model.eval()(batch.tokens, batch.mask).logits, atol=1e-5, rtol=1e-4
        )
    return stepping(bare, lambda one: F.cross_entropy(bare(one.tokens, one.mask), one.labels), config, fused=True)


def release_step(model: HookedClassifier, config: TrainConfig) -> Callable:
    """Return the step of the authors' recipe, which pads each text to the whole context."""
    theirs = ReleaseClassifier(model.config, d_vocab=model.tokenizer.d_vocab, n_classes=len(model.labels))

    def loss_of(batch: Batch) -> Tensor:
        width = model.config.n_ctx - batch.tokens.shape[1]
        return release_loss(theirs, F.pad(batch.tokens, (0, width), value=model.tokenizer.pad_id), batch.labels)

    return stepping(theirs, loss_of, config, fused=False)
