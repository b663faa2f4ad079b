"""How a classifier is trained."""

from __future__ import annotations

from dataclasses import dataclass

from safr_lens.checks import check_choice, check_flag, check_number
from safr_lens.penalty.safr import SafrPenalty

METRICS = ("accuracy", "loss")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of one training.

    Attributes:
        epochs: at most so many.
        head_epochs: so many ahead of them train a neuron head alone, on an encoder that is trained later. A fresh head
            would first spoil token vectors that a trained one can read (`Kumar et al. 2022
            <https://arxiv.org/abs/2202.10054>`_).
        patience: stop after so many epochs that are no better on the validation split.
        metric_for_best_model: what is better: higher ``"accuracy"`` (of equals the lower loss), or lower ``"loss"``.
        average_weights: validate and keep the mean of the weights over all steps so far
            (:class:`~safr_lens.training.WeightAverage`) instead of those of an epoch's last step.
        batch_size: texts a batch; each process of a launch runs a batch of its own.
        learning_rate: of Adam. The SAFR release uses 1e-4 with post-norm blocks; pre-norm blocks train well at 5e-4.
        backbone_learning_rate: of the weights of a pretrained encoder; by default the same.
        warmup: share of ``epochs`` in which learning rates rise linearly, before they fall linearly to 0 at the last;
            by default, and while the head is trained alone, they stay as they are.
        weight_decay: of AdamW, decoupled from the gradient; by default none.
        max_grad_norm: gradients are clipped to this norm.
        gradient_accumulation_steps: batches an optimizer step and process; the gradient is that of the mean over all
            texts of the step.
        gradient_checkpointing: keep only what enters the blocks of a pretrained encoder that is trained, and compute
            the rest again in the backward pass: the same gradients with less memory, for one more forward pass.
        mixed_precision: ``"no"`` or ``"bf16"``.
        k_epochs: over so many epochs ``k`` of a model that keeps its largest neurons alone falls from ``d_mlp`` to its
            own value (:func:`safr_lens.training.top_k.annealed`); by default it has that from the first step.
        embedding_start: where the token embedding starts: ``"random"``, or ``"words"``: word vectors of the training
            split (or of other texts that are given), rotated at random into ``d_model``.
        seed: of weights, gates, dropout and the order of the data; one seed, one result on one machine
            with the same number of threads.

    Raises:
        ConfigError: a value without meaning.
    """

    epochs: int = 100
    head_epochs: int = 0
    patience: int = 3
    metric_for_best_model: str = "accuracy"
    average_weights: bool = True
    batch_size: int = 32
    learning_rate: float = 5e-4
    backbone_learning_rate: float | None = None
    warmup: float | None = None
    weight_decay: float | None = None
    max_grad_norm: float = 1.0
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = False
    mixed_precision: str = "no"
    k_epochs: float | None = None
    embedding_start: str = "random"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch_size", "gradient_accumulation_steps"):
            check_number(name, getattr(self, name), low=1, whole=True)
        check_number("head_epochs", self.head_epochs, low=0, whole=True)
        check_number("seed", self.seed, low=0, high=2**31 - 1, whole=True)
        check_number("learning_rate", self.learning_rate, low=1e-9, high=10.0)
        for name, low, high in (
            ("backbone_learning_rate", 1e-9, 10.0),
            ("warmup", 0.0, 0.99),
            ("weight_decay", 0.0, 1.0),
            ("k_epochs", 0.0, float("inf")),
        ):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=low, high=high)
        check_number("max_grad_norm", self.max_grad_norm, low=1e-9)
        check_flag("average_weights", self.average_weights)
        check_flag("gradient_checkpointing", self.gradient_checkpointing)
        check_choice("mixed_precision", self.mixed_precision, ("no", "bf16"))
        check_choice("metric_for_best_model", self.metric_for_best_model, METRICS)
        check_choice("embedding_start", self.embedding_start, ("random", "words"))

    @property
    def all_epochs(self) -> int:
        """At most so many, those of the head alone included."""
        return self.head_epochs + self.epochs


def uses_words(config: TrainConfig, penalty: SafrPenalty) -> bool:
    """Whether a training uses word vectors: in its penalty, or where its embedding starts."""
    return penalty.needs_words or config.embedding_start == "words"
