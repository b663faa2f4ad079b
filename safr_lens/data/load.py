"""``load_data``: one call for packaged reviews, Hub data sets, files and folders."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any

from datasets import ClassLabel, DatasetDict, IterableDatasetDict

from safr_lens.data.columns import (
    TEXT_NAMES,
    column_option,
    find_columns,
    keeps_labels_secret,
    usual_column,
)
from safr_lens.data.dataset import SPLITS, TextData, assumptions, row_counts
from safr_lens.data.label_mapping import LabelReader, Labels, label_readers
from safr_lens.data.labels import (
    HIDDEN,
    HIDDEN_ADVICE,
    HIDDEN_CLASS,
    LabelColumn,
    checked_names,
    is_missing,
)
from safr_lens.data.origin import remembered
from safr_lens.data.rows import Data, is_splits
from safr_lens.data.sources import Part, ReadOptions, find_parts, usual_splits
from safr_lens.data.splits import splits_in_memory, streamed_splits
from safr_lens.data.tokenizer import without_surrogates
from safr_lens.errors import DataError, near_matches
from safr_lens.visible import listed, shown

LOG = logging.getLogger(__name__)
MOST_LOOKED_AT = 100_000  # rows after one without a text in which others are counted


@remembered
def load_data(
    source: str | Path | Data,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    labels: Labels | None = None,
    classes: Sequence[str] | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    streaming: bool = False,
    cut_missing: bool = True,
    split_seed: int = 0,
) -> TextData:
    """Load a labelled text data set as train, validation and test splits.

    Missing splits are cut from train: a fifth for test, then a tenth for validation, stratified by class, by a
    hash of the text, so that the same text always falls into the same split. No text stands in two splits: rows of
    train that also stand in a held-out split are dropped (and of validation, those that stand in test).

    Args:
        source: ``"rotten_tomatoes"`` or ``"imdb"`` (packaged, no network), a Hub id (``"org/name"`` or
            ``"org/name:config"``), a csv, tsv, json, jsonl or parquet file, also packed (``.gz``, ``.zip``), a folder
            with train/validation/test files, with shards or written by ``save_to_disk``; a pandas DataFrame, a
            ``Dataset``, a list of dictionaries, a dictionary of columns; a ``DatasetDict``, or a mapping from split to
            any of these.
        text_column, label_column: names of the columns, where they are not the usual ones.
        labels: what the labels mean: a mapping from label to class, or class names of which the one at i means label
            i; by default the labels of train are the classes.
        classes: of the model that the data is for; labels mean the classes of the same name.
        header: whether csv and tsv files begin with the names of their columns; by default this is looked up.
            Without a header, columns are named "1", "2" and so on.
        encoding: of text files; by default UTF-8, UTF-16 or Windows-1252, whichever they are written in.
        streaming: read the rows anew at each pass instead of keeping them. Missing splits are then cut by the hash
            alone, which is stratified only on average.
        cut_missing: whether to cut missing splits; without it, a single file becomes one split, ``test``.
        split_seed: another seed cuts other splits.

    Raises:
        DataError: a source, file, column, label or text that cannot be used.

    >>> data = load_data("rotten_tomatoes")
    >>> {name: len(split) for name, split in data.items()}
    {'train': 6142, 'validation': 682, 'test': 1706}
    >>> data.labels
    ('negative', 'positive')
    """
    if classes is not None:
        checked_names(classes)
        classes = tuple(map(str, classes))
    named = text_column is not None or label_column is not None
    raw = _find(source, ReadOptions(header=header, encoding=encoding, streaming=streaming, named_columns=named))
    columns = _columns(source, raw, text_column, label_column)
    label_columns = {split: _labels(raw[split], names[1], streaming=streaming) for split, names in columns.items()}
    hidden = [*(split for split in raw if split not in columns), *_hidden_splits(source, label_columns)]
    readers = label_readers(
        {s: one for s, one in label_columns.items() if s not in hidden}, labels=labels, classes=classes
    )
    parts = {split: partial(_examples, raw[split], columns[split], reader) for split, reader in readers.items()}
    if not cut_missing and set(raw) == {"train"}:
        parts = {"test": parts["train"]}
    names = next(iter(readers.values())).names
    build = streamed_splits if streaming else splits_in_memory
    splits, notes, shared = build(parts, names, cut_missing=cut_missing, seed=split_seed)
    whole = readers.get("train", next(iter(readers.values())))
    rows = row_counts(raw, shared, hidden)
    data = TextData(
        source=_name(source),
        labels=names,
        splits=splits,
        notes=(
            *assumptions(raw.values()),
            *(f"{split} has no labels and was left out." for split in hidden),
            *([HIDDEN_CLASS] if HIDDEN in names and labels is None and classes is None else []),
            *notes,
        ),
        rows=rows if set(raw) != {"train"} or "train" in splits else {"test": rows["train"]},
        label_mapping={split: readers.get(split, whole).mapping for split in splits},
    )
    LOG.info(data.summary)
    return data


def _columns(source: Any, raw: Mapping[str, Part], text: str | None, label: str | None) -> dict[str, tuple[str, str]]:
    """Return the columns of text and label of each split; a test split whose labels are secret has none."""
    columns: dict[str, tuple[str, str]] = {}
    firsts: dict[str, list[str]] = {}
    for split, part in raw.items():
        first = next(iter(part.rows()), None)
        if first is None:
            raise DataError(f"{part.where} holds no rows.")
        have = firsts[split] = list(first)
        may_lack = "train" in columns and not isinstance(source, Mapping) and not str(have[0]).isdigit()
        if may_lack and keeps_labels_secret(have, firsts["train"], columns["train"][1]):
            continue
        columns[split] = find_columns(have, text, label, where=part.where, more=part.mend)
    return columns


def _labels(part: Part, column: str, *, streaming: bool) -> LabelColumn:
    values: Iterable[Any] = (row.get(column) for row in part.rows())
    feature = part.features.get(column)
    names = tuple(feature.names) if isinstance(feature, ClassLabel) else None
    if names is not None and streaming:  # its names are known, so it is not read twice
        values = itertools.islice(values, 1)
    return LabelColumn.read(values, where=part.where, names=names)


def _hidden_splits(source: Any, label_columns: Mapping[str, LabelColumn]) -> list[str]:
    """Return the splits of a data set whose labels are kept secret; a split that the user names must have labels."""
    if isinstance(source, Mapping) and not isinstance(source, DatasetDict | IterableDatasetDict):
        return []
    hidden = [split for split, labels in label_columns.items() if labels.hidden]
    if len(hidden) == len(label_columns):
        raise DataError(f"{shown(_name(source))}: no split has labels, all are missing or -1. -1 {HIDDEN_ADVICE}")
    return hidden


def _find(source: Any, options: ReadOptions) -> dict[str, Part]:
    if isinstance(source, DatasetDict | IterableDatasetDict | TextData):
        source = usual_splits(source) or source
    if not isinstance(source, Mapping) or _of_columns(source):
        return find_parts(source, options)
    if not source:
        raise DataError(f"Expected a file for at least one of {', '.join(SPLITS)}; got an empty mapping.")
    unknown = [name for name in source if name not in SPLITS]
    if unknown:
        raise DataError(
            f"Unknown split {shown(unknown[0])}; expected {', '.join(SPLITS)}.{near_matches(str(unknown[0]), SPLITS)}"
        )
    by_split = {}
    for split in [split for split in SPLITS if split in source]:
        parts = find_parts(source[split], options)
        if set(parts) != {"train"}:
            raise DataError(
                f"{source[split]} has the splits {listed(parts)}; expected one alone for {shown(split)}. Name the "
                "file or folder of one split, or load all of them by its name alone."
            )
        by_split[split] = parts["train"]
        if not isinstance(source[split], str | Path):
            by_split[split].where += f" of split {split}"
    return by_split


def _of_columns(source: Mapping[Any, Any]) -> bool:
    paths = any(isinstance(part, str | Path) for part in source.values())
    return bool(source) and not is_splits(source) and (usual_column(source, TEXT_NAMES) is not None or not paths)


def _examples(part: Part, columns: tuple[str, str], labels: LabelReader) -> Iterator[dict[str, Any]]:
    """Yield checked text and label of each row."""
    text_column, label_column = columns
    rows = iter(part.rows())
    for number, row in enumerate(rows, start=1):
        text = row.get(text_column)
        if is_missing(text):
            others = sum(is_missing(other.get(text_column)) for other in itertools.islice(rows, MOST_LOOKED_AT))
            mend = "Fill it in or remove the row."
            if others:
                mend = f"So have {others:,} of the rows after it. Fill them in or remove the rows."
            raise DataError(f"{part.where}: row {number} has an empty text. {mend}")
        if not isinstance(text, str):
            raise DataError(
                f"{part.where}: row {number}, column {shown(text_column)} holds {type(text).__name__}, not text. "
                f"Name the right column with {column_option('text')}."
            )
        yield {"text": without_surrogates(text), "label": labels.read(row.get(label_column), row=number)}


def _name(source: Any) -> str:
    if isinstance(source, Mapping):
        shown = source if not _of_columns(source) else {}
        return ", ".join(f"{split}={_name(part)}" for split, part in shown.items()) or "a dictionary of columns"
    if isinstance(source, str | Path):
        return str(source)
    return f"a {type(source).__name__}" + (f" of {len(source):,} rows" if isinstance(source, Sized) else "")
