"""What the folder of a run records, and what its files must look like where they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypeVar

from typing_extensions import TypedDict

from safr_lens.artefacts import read_whole, verified
from safr_lens.data.label_mapping import merged
from safr_lens.documents import checked, read_json
from safr_lens.errors import CheckpointError, first_line
from safr_lens.training.run_folder import METRICS
from safr_lens.training.trained_rows import Fingerprints, read_rows

Content = TypeVar("Content")
# what older versions did not write may be missing from all of these


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


@dataclass(frozen=True)
class RunRecord:
    """The record of a trained run.

    Attributes:
        run: its folder, or a Hub id.
        metrics: of ``metrics.json``; empty for a model without its record, as one from the Hub.
        rows: fingerprints of the rows of its splits; None where it keeps none.
    """

    run: str
    metrics: dict[str, Any]
    rows: Fingerprints | None

    @property
    def origin(self) -> dict[str, Any] | None:
        """How its data is loaded again; None where nobody knows. An older run names the source alone."""
        if "data_origin" in self.metrics:
            return self.metrics["data_origin"]
        source = self.metrics.get("settings", {}).get("data", {}).get("source")
        return None if source is None else {"source": source}

    @property
    def label_mapping(self) -> dict[str, str] | None:
        """What the labels of its data mean, if the record says so."""
        return merged(self.metrics.get("label_mapping", {})) or None


def run_record(run: str | Path) -> RunRecord:
    """Read the record of a run.

    Raises:
        CheckpointError: a damaged file.
    """
    folder = Path(run)
    return read_whole(
        folder,
        lambda: RunRecord(str(run), recorded(folder / METRICS, read_json, Metrics, {}), read_rows(folder)),
    )


def recorded(path: Path, read: Callable[[Path], Any], schema: type, missing: Content) -> Content:
    """Return what a file of a run holds, or ``missing`` where there is none.

    Raises:
        CheckpointError: a damaged file.
    """
    try:
        return checked(schema, read(verified(path))) if path.exists() else missing
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged: {first_line(error)}. Train the run again, or remove the file."
        ) from None
