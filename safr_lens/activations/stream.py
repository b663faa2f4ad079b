"""A model run over data of any size, handing on the named activations alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from safr_lens.activations.batch import ActivationBatch, of_texts, positions_in_text
from safr_lens.data.batching import Batch, batches
from safr_lens.data.labelled_rows import labelled_rows
from safr_lens.data.rows import Data
from safr_lens.data.tokenized import TokenizedTexts
from safr_lens.errors import ConfigError, DataError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating
from safr_lens.models.vmask import TypeLogOdds
from safr_lens.visible import shown

BATCH_SIZE = 128
POOL_SIZE = 1024
# larger batches are slower on CPUs: their activations no longer fit the caches, and memory is mapped anew each time
MAX_POSITIONS = 1024


def stream_activations(
    model: HookedClassifier,
    data: Data,
    hooks: str | Iterable[str],
    *,
    max_positions: int = MAX_POSITIONS,
    process: int = 0,
    n_processes: int = 1,
) -> Iterator[ActivationBatch]:
    """Run a model over data and yield the named activations of a few texts at a time, at the tokens of the texts.

    In evaluation mode, without gradient, and no further than the last point that was asked for. Memory does not grow
    with the data. Texts come sorted by length within pools of about a thousand, so ``example`` says which is which;
    those longer than the context are cut. Hooks of a surrounding ``with model.hooks(...)`` apply. The weights must not
    change while the stream is read: what VMASK says of a token type is computed once.

    Args:
        model: a classifier.
        data: texts, or rows with ``text`` and perhaps ``label``: a list, a DataFrame, a ``Dataset``, a streamed
            ``IterableDataset``, a dictionary of columns, or splits of these, of which ``test`` is meant. A label is the
            number of a class or its name.
        hooks: names of hook points.
        max_positions: texts a forward pass times the longest of them, at most.
        process, n_processes: yield only this share of the batches, for several processes.

    Raises:
        HookError: a name that the model does not have.
        ConfigError: no name, or a process that is not among ``n_processes``.
        DataError: data that holds no texts, or rows without one.
        TextError: a text without a token.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> for batch in stream_activations(model, ["a good film", "good"], "blocks.0.mlp.hook_post"):
    ...     print(batch.activations["blocks.0.mlp.hook_post"].shape, batch.rows.tolist(), batch.example.tolist())
    torch.Size([4, 32]) [0, 1, 1, 1] [1, 0]
    """
    names = checked_hooks(model, hooks)
    if not 0 <= process < n_processes:
        raise ConfigError(f"Expected a process from 0 to {n_processes - 1}; got {process}.")
    log_odds = model.type_log_odds()
    for number, batch in enumerate(text_batches(model, data, max_positions=max_positions)):
        if number % n_processes == process:
            yield activations_of(model, batch, names, log_odds)


def checked_hooks(model: HookedClassifier, hooks: str | Iterable[str]) -> tuple[str, ...]:
    """Return hook names as a tuple, each once, after checking that the model has them."""
    names = (hooks,) if isinstance(hooks, str) else tuple(dict.fromkeys(hooks))
    if not names:
        raise ConfigError(f"No hook point named. See model.hook_dict, for example {shown(model.adapter.neurons(0))}.")
    model.check_hook_names(names)
    return names


def pairs_among(model: HookedClassifier, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of hook points that have a value a pair of tokens: attention scores and patterns."""
    backbone = model.adapter
    points = {
        at(layer)
        for layer in range(backbone.n_layers)
        for at in (backbone.attention_scores, backbone.attention_pattern)
    }
    return tuple(name for name in names if name in points)


def text_batches(model: HookedClassifier, data: Data, *, max_positions: int = MAX_POSITIONS) -> Iterator[Batch]:
    """Yield the data in batches for a model, as token ids.

    Raises:
        DataError: data that holds no texts, or rows without one.
    """
    empty = True
    sizes = {
        "n_ctx": model.config.n_ctx,
        "batch_size": BATCH_SIZE,
        "pool_size": POOL_SIZE,
        "max_positions": max_positions,
    }
    if isinstance(data, TokenizedTexts):
        made = data.batches(**sizes)
    else:
        made = batches(labelled_rows(data, model.labels), model.tokenizer, **sizes)
    for batch in made:
        empty = False
        yield batch
    if empty:
        raise DataError("The data holds no texts; there is nothing to run the model on.")


def activations_of(
    model: HookedClassifier, batch: Batch, names: tuple[str, ...], log_odds: TypeLogOdds | None = None
) -> ActivationBatch:
    """Return the named activations of a batch at the tokens of its texts, on the model's device."""
    batch = batch.to(model.device)
    with evaluating(model):
        seen = model.activations(batch.tokens, batch.mask, names=names, log_odds=log_odds)
        pairs = pairs_among(model, names)
        values = {name: of_texts(name, seen[name], batch.text, pairs=name in pairs) for name in names}
    return ActivationBatch(
        tokens=batch.tokens[batch.text],
        positions=positions_in_text(batch.text),
        rows=batch.text.nonzero()[:, 0],
        example=batch.example,
        labels=batch.labels,
        n_cut=batch.n_cut,
        activations=values,
    )
