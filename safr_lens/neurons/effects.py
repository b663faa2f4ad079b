"""What a model loses without one neuron, by running it without."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.activations.stream import Data, text_batches
from safr_lens.checks import check_choice
from safr_lens.data.labelled_rows import labelled_rows
from safr_lens.data.labels import check_labels
from safr_lens.data.tokenized import tokenized_once
from safr_lens.measures.finite import check_finite, finite_activations
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating
from safr_lens.models.indexing import Neurons, checked_layer, checked_neurons
from safr_lens.neurons.ablate import MODES, replaced, replacements


def ablation_effects(
    model: HookedClassifier,
    data: Data,
    neurons: Neurons,
    *,
    mode: str = "zero",
    layer: int = -1,
    reference: Data | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    r"""Loss, accuracy and logits without each of some neurons, one at a time, as differences from the intact model.

    .. math:: loss\_gained_n = \frac{1}{|D|} \sum_{x \in D} CE(f_{\setminus n}(x)) - CE(f(x))

    ``loss_gained`` is in nats and of either sign; **higher means that the model needs the neuron more**.
    ``accuracy_lost`` is a share (0.01 is a point) and moves in steps of 1 / texts, so that most single neurons have 0:
    rank by the loss. ``logit_<label>`` is how much the ablation adds to the logit of a class, averaged over texts. A
    dead neuron has 0 in all columns. A few hundred texts; effects of single neurons do not add up to that of all.

    **Slow**: the model really runs without the neuron, in any layer, which costs one pass over the data a neuron. Texts
    are tokenised once and kept as token ids (4 bytes a token); a stream, such as an ``IterableDataset``, is kept on
    disk with its token ids, and takes no memory that grows with it.

    Args:
        model: a classifier.
        data: rows with ``text`` and ``label``.
        neurons: one number or several; ``range(model.config.d_mlp)`` for all.
        mode: what stands in for the neuron, see :func:`safr_lens.neurons.ablate`; ``"resample"`` draws the same tokens
            for all neurons.
        layer: by default the last.
        reference: texts behind ``"mean"`` and ``"resample"``; by default ``data``.
        seed: of ``"resample"``.

    Returns:
        One row a neuron, in the order given: ``neuron``, ``loss_gained``, ``accuracy_lost`` and ``logit_<label>`` of
        each class.

    Raises:
        ConfigError: an unknown mode, or a layer or neuron that the model does not have.
        DataError, TextError: see :func:`safr_lens.activations.stream_activations`; labels that are missing or beyond
            the model's classes.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> ablation_effects(model, [{"text": "a good film", "label": 1}], [3, 17]).columns.tolist()
    ['neuron', 'loss_gained', 'accuracy_lost', 'logit_negative', 'logit_positive']
    """
    check_choice("mode", mode, MODES)
    layer = checked_layer(model, layer)
    chosen = checked_neurons(model, neurons)
    read = labelled_rows(list(data) if isinstance(data, Iterator) else data, model.labels)
    rows_of_texts = tokenized_once(read, model.tokenizer)
    labels = torch.cat([batch.labels for batch in text_batches(model, rows_of_texts)])
    check_labels(labels, model.labels)
    names = (model.adapter.neurons(layer),)
    if reference is None:
        reference = rows_of_texts
    stream = finite_activations(model, reference, names)
    rows = replacements(model, stream, [layer], mode=mode, seed=seed)
    intact = _logits(model, rows_of_texts)
    effects = []
    for neuron in chosen:
        with replaced(model, {layer: [neuron]}, rows, seed=seed):
            ablated = _logits(model, rows_of_texts)
        effects.append({"neuron": neuron, **_differences(intact, ablated, labels, model.labels)})
    return pd.DataFrame(effects)


def _differences(
    intact: Float[Tensor, "n_texts n_classes"],
    ablated: Float[Tensor, "n_texts n_classes"],
    labels: Int[Tensor, " n_texts"],
    names: tuple[str, ...],
) -> dict[str, float]:
    right = [(logits.argmax(-1) == labels).double().mean() for logits in (intact, ablated)]
    added = (ablated - intact).mean(0).tolist()
    return {
        "loss_gained": (F.cross_entropy(ablated, labels) - F.cross_entropy(intact, labels)).item(),
        "accuracy_lost": (right[0] - right[1]).item(),
        **{f"logit_{name}": value for name, value in zip(names, added, strict=True)},
    }


def _logits(model: HookedClassifier, data: Data) -> Float[Tensor, "n_texts n_classes"]:
    log_odds = model.type_log_odds()
    pieces = []
    for batch in text_batches(model, data):
        batch = batch.to(model.device)
        with evaluating(model):
            pieces.append(model(batch.tokens, batch.mask, log_odds=log_odds).logits)
        check_finite("the logits", pieces[-1])
    return torch.cat(pieces).double().cpu()
