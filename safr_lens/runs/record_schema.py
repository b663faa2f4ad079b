"""What the files of a run must look like where they are read; what older versions did not write may be missing."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict


class Origin(TypedDict):
    """How data was loaded: the arguments of :func:`safr_lens.load_data`."""

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012

    source: str | dict[str, str]
    text_column: NotRequired[str | None]
    label_column: NotRequired[str | None]
    labels: NotRequired[dict[str, str] | list[str] | None]
    classes: NotRequired[list[str] | None]
    header: NotRequired[bool | None]
    encoding: NotRequired[str | None]
    streaming: NotRequired[bool]
    cut_missing: NotRequired[bool]
    split_seed: NotRequired[int]


class DataSettings(TypedDict):
    """Which data a run was trained on."""

    source: str
    rows: NotRequired[dict[str, int]]


class Settings(TypedDict):
    """The settings of a training."""

    model: dict[str, Any]
    train: dict[str, Any]
    penalty: dict[str, Any]
    data: DataSettings


class Metrics(TypedDict, total=False):
    """``metrics.json``: the values that are read again."""

    settings: Settings
    seed: int
    epochs: int
    best_epoch: int
    seconds: float
    word_vectors: str | None
    label_mapping: dict[str, dict[str, str]]
    data_notes: list[str]
    data_origin: Origin | None
    versions: dict[str, str]


class Figure(TypedDict, total=False):
    """One figure of a measure, with its interval."""

    value: float | None
    low: float | None
    high: float | None
    null: dict[str, Any] | None
    above_null: dict[str, Any] | None


class Measures(TypedDict, total=False):
    """``measures.json``: the values that are read again."""

    data: Any
    split: str
    n_texts: int
    figures: dict[str, Figure]


class Epoch(TypedDict):
    """One line of ``history.jsonl``."""

    epoch: int
    terms: dict[str, float]
    validation_accuracy: float
    best: bool
