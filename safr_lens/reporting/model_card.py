"""The card of a run for the Hugging Face Hub: what its record says, without places on the machine that trained it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment
from scipy import stats

from safr_lens.data.readers.hub import HUB_ID
from safr_lens.data.readers.reviews import REVIEWS
from safr_lens.documents import read_json
from safr_lens.errors import CheckpointError
from safr_lens.measures import MEASURES
from safr_lens.models.encoder_words import SOURCE
from safr_lens.reporting.runs import ReportedRun, run_metadata
from safr_lens.runs.record import Measures, RunRecord, recorded
from safr_lens.training.run_folder import METRICS
from safr_lens.visible import shown

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
TAGS = ["text-classification", "interpretability", "mechanistic-interpretability", "safr"]
SETTINGS = ("penalty", "pairs compared", "model", "training", "seed", "epochs", "versions")
UNNAMED = "data that its author does not name here"
# what Markdown reads as more than text, links and addresses without brackets included
MARKUP = re.compile(r"([\\`*_{}\[\]<>()#!|~&$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def model_card(run: ReportedRun, analysis: Path, *, repo_id: str, base_model: str | None = None) -> str:
    """Return the model card of a run, as Markdown with YAML ahead of it; its analysis may be missing.

    Raises:
        CheckpointError: a damaged record or analysis, or an analysis of other weights.
    """
    measured = _measured(run, analysis)
    try:
        return _rendered(run, measured, repo_id, base_model)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CheckpointError(
            f"The {METRICS} of {run.name} is damaged ({shown(error)}). Train the run again, or remove the file."
        ) from None


def public_data(record: RunRecord) -> str | None:
    """Return the name of a run's data where it is that of packaged reviews or a Hub id; None for any other place."""
    source = (record.origin or {}).get("source")
    if not isinstance(source, str):
        return None
    # only a record of the origin tells a Hub id from a folder, whose path it keeps as an absolute one
    is_id = "data_origin" in record.metrics and HUB_ID.fullmatch(source) and not source.startswith(".")
    return source if source in REVIEWS or is_id else None


def plain(text: object) -> str:
    r"""Return a text as one line of Markdown that shows it and does nothing else.

    >>> print(plain("a|b\n# <script> https://c.d"))
    a\|b \# \<script\> https\://c.d
    """
    printable = "".join(character if character.isprintable() else " " for character in str(text))
    return MARKUP.sub(r"\\\1", " ".join(printable.split()))


def _rendered(run: ReportedRun, measured: dict[str, Any], repo_id: str, base_model: str | None) -> str:
    data, test, known = public_data(run.record), run.metrics.get("test"), run_metadata(run)
    encoder = run.model.config.encoder
    low, high = _interval(test) if test else (math.nan, math.nan)
    environment = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters.update(plain=plain, thousands="{:,}".format, points=lambda share: f"{100 * share:.1f}")
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        card_data=_card_data(data, test, repo_id, base_model).to_yaml(),
        repo_id=repo_id,
        labels=", ".join(run.model.labels),
        data=data or UNNAMED,
        rows=run.metrics.get("settings", {}).get("data", {}).get("rows", {}),
        test=test,
        low=low,
        high=high,
        reliance=run.metrics.get("reliance"),
        **measured,
        encoder=encoder and (encoder.get("model_type") or "pretrained"),
        base_model=base_model,
        vectors=_vectors(run, data),
        settings=[(name, known[name]) for name in SETTINGS if name in known],
        by_neurons=run.model.config.readout == "neurons",
    )


def _card_data(data: str | None, test: dict[str, Any] | None, repo_id: str, base_model: str | None) -> ModelCardData:
    name, _, config = (data or "unnamed").partition(":")
    result = test and EvalResult(
        task_type="text-classification",
        dataset_type=name,
        dataset_name=name,
        dataset_config=config or None,
        dataset_split="test",
        metric_type="accuracy",
        metric_value=test["accuracy"],
    )
    return ModelCardData(
        model_name=repo_id.partition("/")[2],
        base_model=base_model,
        library_name="safr-lens",
        pipeline_tag="text-classification",
        tags=TAGS,
        datasets=name if data and data not in REVIEWS else None,
        eval_results=[result] if result else None,
    )


def _interval(test: dict[str, Any]) -> tuple[float, float]:
    """Return Wilson's interval of an accuracy."""
    interval = stats.binomtest(round(test["accuracy"] * test["n"]), test["n"]).proportion_ci(0.95, method="wilson")
    return interval.low, interval.high


def _vectors(run: ReportedRun, data: str | None) -> str | None:
    used = run.metrics.get("word_vectors")
    named = [SOURCE, *(f"the training split of {name}" for name in (*REVIEWS, data) if name)]
    return used if used in named else "other texts or a file, not named here" if used else None


def _measured(run: ReportedRun, path: Path) -> dict[str, Any]:
    """Return what the card says of an analysis; nothing where there is none."""
    analysis: dict[str, Any] = recorded(path, read_json, Measures, {})
    if not analysis:
        return {}
    try:
        own = analysis["data"] is None or analysis["data"] in _sources(run)
        _check_weights(run, analysis, path, own=own)
        named = analysis["data"] in (*REVIEWS, public_data(run.record))
        return {
            "measured": analysis["data"] if analysis["data"] and named else "the same data" if own else UNNAMED,
            "split": analysis["split"],
            "n_texts": int(analysis["n_texts"]),
            "figures": [_row(name, one) for name, one in analysis["figures"].items() if name in MEASURES],
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is no analysis ({error}). Analyze the run again, or remove the file.") from None


def _sources(run: ReportedRun) -> list[Any]:
    return [(run.record.origin or {}).get("source"), run.metrics.get("settings", {}).get("data", {}).get("source")]


def _check_weights(run: ReportedRun, analysis: dict[str, Any], path: Path, *, own: bool) -> None:
    """Raise a CheckpointError where an analysis of the rows that the training tested on found another accuracy."""
    test = run.metrics.get("test")
    if not own or test is None or (analysis["split"], analysis["n_texts"]) != ("test", test["n"]):
        return
    accuracy = analysis["figures"]["accuracy"]["value"]
    if abs(accuracy - test["accuracy"]) * test["n"] > 1.5:  # a tie may fall differently
        raise CheckpointError(
            f"{path} is of other weights than the run: its accuracy is {accuracy:.4f}, the run's "
            f"{test['accuracy']:.4f}. Analyze the run again, or remove the file."
        )


def _row(name: str, figure: dict[str, Any]) -> tuple[str, ...]:
    """Return title, value, interval, null and value above it, all as text."""
    measure, null, above = MEASURES[name], figure.get("null") or {}, figure.get("above_null") or {}
    return (
        measure.title,
        measure.shown(figure["value"]),
        measure.span(_ends(figure)),
        measure.shown(null["value"]) if null else "",
        f"{measure.shown(above['value'], sign=True)} ({measure.span(_ends(above), sign=True)})" if above else "",
    )


def _ends(figure: dict[str, Any]) -> tuple[float, float]:
    low, high = (math.nan if figure.get(end) is None else figure[end] for end in ("low", "high"))
    return low, high
