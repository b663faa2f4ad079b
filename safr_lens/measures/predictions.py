"""What a classifier predicts for the texts of a split, and how often it is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.activations.stream import text_batches
from safr_lens.data.batching import Batch
from safr_lens.data.labels import check_labels
from safr_lens.data.rows import Data
from safr_lens.data.unknown import counted
from safr_lens.measures.finite import check_finite
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating
from safr_lens.models.vmask import TypeLogOdds
from safr_lens.processes import gathered_in_order, process_share


@dataclass(frozen=True)
class Predictions:
    """One value a text, in the order of the data.

    Attributes:
        predicted: number of the class with the largest logit.
        labels: the right class.
        loss: cross-entropy in nats.
        n_cut: how many of the texts were cut to the context.
        unknown_tokens: share of all tokens that the vocabulary lacks, in [0, 1].
    """

    predicted: Int[Tensor, " n_texts"]
    labels: Int[Tensor, " n_texts"]
    loss: Float[Tensor, " n_texts"]
    n_cut: int = 0
    unknown_tokens: float = 0.0

    @property
    def correct(self) -> Bool[Tensor, " n_texts"]:
        """Whether each prediction is right."""
        return self.predicted == self.labels


@dataclass(frozen=True)
class Evaluation:
    """How well a classifier does on a split.

    Attributes:
        accuracy: share of texts whose largest logit is the right one.
        loss: mean cross-entropy in nats.
        n: number of texts.
        n_cut: how many of them were longer than the context and were cut.
        unknown_tokens: share of all tokens that the vocabulary lacks, in [0, 1].
    """

    accuracy: float
    loss: float
    n: int
    n_cut: int = 0
    unknown_tokens: float = 0.0


def predict_split(
    model: HookedClassifier, split: Data, *, constant: Float[Tensor, " n_classes"] | None = None
) -> Predictions:
    """Classify every text of a split, in evaluation mode; hooks of a surrounding ``with model.hooks(...)`` apply.

    In several processes (a launch by ``accelerate`` or ``torchrun``) all must call it; each runs the model on its share
    of the batches, and all get the whole result.

    Args:
        model: a classifier.
        split: texts and labels.
        constant: the logits of every text, where they are known to be the same; the model is not run then.

    Raises:
        DataError: an empty split, or labels that the model does not know.
        NotFiniteError: a logit that is NaN or infinite.
    """
    process, n_processes = process_share()
    log_odds = model.type_log_odds()
    whole = torch.empty(0, dtype=torch.long)
    examples, labels, predicted, n_cut, counts = [], [], [whole], 0, []
    own, losses = [whole], [torch.empty(0, dtype=torch.float64)]
    for number, batch in enumerate(text_batches(model, split)):
        check_labels(batch.labels, model.labels)
        examples.append(batch.example)
        labels.append(batch.labels)
        n_cut += batch.n_cut
        counts.append(counted(model.tokenizer, batch.tokens[batch.mask]))
        if number % n_processes == process:
            own.append(batch.example)
            batch = batch.to(model.device)
            logits = _logits(model, batch, log_odds) if constant is None else constant.expand(len(batch.labels), -1)
            predicted.append(logits.argmax(-1).cpu())
            losses.append(F.cross_entropy(logits, batch.labels, reduction="none").double().cpu())
    numbers = torch.cat(own).tolist()
    loss = gathered_in_order(numbers, torch.cat(losses))
    check_finite("the loss of texts", loss)
    n_unknown, n_tokens = (sum(column) for column in zip(*counts, strict=True))
    return Predictions(
        gathered_in_order(numbers, torch.cat(predicted)),
        torch.cat(labels)[torch.cat(examples).argsort()],
        loss,
        n_cut=n_cut,
        unknown_tokens=n_unknown / n_tokens,
    )


def _logits(model: HookedClassifier, batch: Batch, log_odds: TypeLogOdds | None) -> Float[Tensor, "batch n_classes"]:
    with evaluating(model):
        return model(batch.tokens, batch.mask, log_odds=log_odds).logits.float()


def evaluate(model: HookedClassifier, split: Data) -> Evaluation:
    """Return accuracy and loss of a model on a split, in evaluation mode.

    Hooks of a surrounding ``with model.hooks(...)`` apply.

    Raises:
        DataError: an empty split, or labels beyond the model's classes.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> evaluate(model, [{"text": "a good film", "label": 0}, {"text": "a good film", "label": 1}]).accuracy
    0.5
    """
    predictions = predict_split(model, split)
    return Evaluation(
        accuracy=predictions.correct.double().mean().item(),
        loss=predictions.loss.mean().item(),
        n=len(predictions.labels),
        n_cut=predictions.n_cut,
        unknown_tokens=predictions.unknown_tokens,
    )


def majority_share(labels: Iterable[int]) -> float:
    """Return the accuracy of always answering the most frequent class.

    >>> majority_share([0, 0, 1])
    0.6666666666666666
    """
    counts = torch.bincount(torch.tensor(list(labels), dtype=torch.long))
    return int(counts.max()) / int(counts.sum()) if len(counts) else float("nan")
