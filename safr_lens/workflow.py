"""From settings to a trained run, and from a run to its figures: what the commands do, callable from Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safr_lens.analysis import Analysis, analyze
from safr_lens.data.dataset import SPLITS, Split, TextData
from safr_lens.data.load import load_data
from safr_lens.data.texts import Texts
from safr_lens.data.tokenizer import TextTokenizer, train_tokenizer
from safr_lens.errors import CheckpointError, ConfigError, DataError, near_matches
from safr_lens.measures.predictions import evaluate
from safr_lens.measures.reliance import reliance
from safr_lens.models.classifier import HookedClassifier
from safr_lens.settings import DataConfig, Settings
from safr_lens.training.config import uses_words
from safr_lens.training.loop import TrainResult, train
from safr_lens.training.metrics import as_dict
from safr_lens.training.run_folder import METRICS
from safr_lens.training.same_settings import check_same, describe
from safr_lens.word_vectors import WordVectors, analysis_vectors, embedding_table, training_vectors
from safr_lens.word_vectors.resolve import check_one_source


def train_run(
    settings: Settings,
    *,
    out: Path | None,
    data: TextData | None = None,
    word_vectors: WordVectors | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    title: str = "training",
) -> TrainResult:
    """Load the data, make tokenizer and model, and train.

    Args:
        settings: see :func:`safr_lens.settings.make_settings`.
        out: folder of the run.
        data: the data, if it is loaded already.
        word_vectors: those that ``settings.data`` names, if they are made already (:func:`run_vectors`).
        resume, overwrite, progress, title: as in :func:`safr_lens.train`.

    Raises:
        SafrLensError: whatever is wrong with settings, data or folder; nothing is written then.
    """
    data = data or load_settings_data(settings.data)
    tokenizer = settings_tokenizer(settings, data)
    model = HookedClassifier.from_config(
        settings.model, tokenizer=tokenizer, labels=data.labels, seed=settings.train.seed
    )
    return train(
        model,
        data,
        settings.train,
        penalty=settings.penalty,
        word_vectors=word_vectors or run_vectors(settings, data, tokenizer),
        out=out,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
        title=title,
    )


def settings_tokenizer(settings: Settings, data: TextData) -> TextTokenizer:
    """Train the tokenizer that settings name on the training split."""
    return train_tokenizer(
        (row["text"] for row in data["train"]),
        kind=settings.data.tokenizer,
        min_frequency=settings.data.min_frequency,
    )


def run_vectors(settings: Settings, data: TextData, tokenizer: TextTokenizer | None = None) -> WordVectors | None:
    """Return the word vectors that a training uses, or None where it uses none.

    They are read from the file ``word_vectors``, or made from the training split of ``word_vectors_from`` or else of
    the data. They serve all trainings whose settings differ in seed or penalty alone; making them may take seconds.

    Raises:
        ConfigError, DataError: texts that give no useful vectors, or are named for nothing.
    """
    return training_vectors(
        data,
        tokenizer or settings_tokenizer(settings, data),
        used=uses_words(settings.train, settings.penalty),
        widest=settings.model.d_model,
        given=settings.data.word_vectors,
        from_data=settings.data.word_vectors_from,
    )


def finished_run(
    folder: Path, settings: Settings, data: TextData, word_vectors: WordVectors | None
) -> tuple[HookedClassifier, dict[str, Any]] | None:
    """Return model and metrics of a finished run with the same settings, or None where none is finished.

    Args:
        folder: of the run.
        settings: asked for.
        data: loaded already.
        word_vectors: those of :func:`run_vectors`.

    Raises:
        CheckpointError: the folder holds a run with other settings, or a damaged one.
    """
    path = folder / METRICS
    if not path.is_file():
        return None
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        found = metrics["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}). Remove {folder}, or use --overwrite.") from None
    vectors = None if word_vectors is None else embedding_table(word_vectors, settings_tokenizer(settings, data))
    check_same(found, describe(settings.model, data, settings.train, settings.penalty, vectors), folder)
    return HookedClassifier.from_pretrained(folder), metrics


def held_out_split(source: str, split: str, *, labels: Sequence[str], **columns: Any) -> Split:
    """Return one split of some data for a trained model; a single file is used whole.

    Args:
        source: as in :func:`safr_lens.load_data`.
        split: which split.
        labels: the model's classes.
        **columns: ``text_column``, ``label_column``, ``streaming``.

    Raises:
        DataError: data that cannot be used, or that lacks the split.
    """
    if split not in SPLITS:
        raise DataError(f"Unknown split {split!r}; expected {', '.join(SPLITS)}.{near_matches(split, SPLITS)}")
    single_file = Path(source).is_file()
    data = load_data(source, labels=labels, cut_missing=not single_file, **columns)
    return data["test" if single_file else split]


def evaluate_run(model: HookedClassifier, split: Split) -> dict[str, Any]:
    """Return accuracy, loss and reliance as JSON holds them."""
    test = evaluate(model, split)
    return {"test": as_dict(test), "reliance": reliance(model, split, intact=test).to_dict()}


@dataclass(frozen=True)
class MeasuredData:
    """A split to measure on, and the texts that word vectors come from.

    Attributes:
        split: rows with ``text`` and ``label``.
        vector_texts: texts of their own, so that the vectors know nothing of what is measured.
        vectors_name: where the vectors come from.
        vectors: a file of vectors, which is used instead of the texts.
    """

    split: Split
    vector_texts: Sequence[Split]
    vectors_name: str
    vectors: Path | None = None


def measured_data(
    source: str,
    split: str,
    *,
    labels: Sequence[str],
    word_vectors: str | Path | None = None,
    word_vectors_from: str | None = None,
    **columns: Any,
) -> MeasuredData:
    """Load a split to measure on, and say where its word vectors come from.

    From the file ``word_vectors``, the texts of ``word_vectors_from``, or else the training split.

    Raises:
        DataError: data that cannot be used, or that lacks the split.
    """
    check_one_source(word_vectors, word_vectors_from)
    chosen = held_out_split(source, split, labels=labels, **columns)
    if word_vectors is not None:
        return MeasuredData(chosen, (), f"the file {word_vectors}", Path(word_vectors))
    if word_vectors_from is not None:
        others = load_data(word_vectors_from)
        return MeasuredData(chosen, tuple(others.values()), f"all texts of {word_vectors_from}")
    if Path(source).is_file() or split == "train":
        return MeasuredData(chosen, (chosen,), "the measured texts")
    train_texts = held_out_split(source, "train", labels=labels, **columns)
    return MeasuredData(chosen, (train_texts,), f"the training split of {source}")


def analyze_run(model: HookedClassifier, data: MeasuredData, *, seed: int = 0, **options: Any) -> Analysis:
    """Analyze a model with word vectors of the data's texts; ``options`` as for :func:`safr_lens.analyze`."""
    vectors = analysis_vectors(model.tokenizer, Texts(*data.vector_texts), data.vectors, seed=seed)
    return analyze(model, data.split, embeddings=vectors, seed=seed, **options)


def analyze_runs(
    runs: Sequence[str],
    source: str,
    split: str,
    *,
    word_vectors: str | Path | None = None,
    word_vectors_from: str | None = None,
    stages: Callable[[str], Any],
    text_column: str | None = None,
    label_column: str | None = None,
    streaming: bool = False,
    **options: Any,
) -> dict[str, Analysis]:
    """Analyze several runs on the same data; all are loaded before the first is measured.

    Raises:
        CheckpointError: a run that cannot be loaded.
        ConfigError: runs with other labels.
    """
    models = {run: HookedClassifier.from_pretrained(run) for run in runs}
    labels = {model.labels for model in models.values()}
    if len(labels) > 1:
        raise ConfigError(f"The runs know other classes: {' and '.join(', '.join(one) for one in sorted(labels))}.")
    columns = {"text_column": text_column, "label_column": label_column, "streaming": streaming}
    data = measured_data(
        source,
        split,
        labels=labels.pop(),
        word_vectors=word_vectors,
        word_vectors_from=word_vectors_from,
        **columns,
    )
    return {
        run: analyze_run(model, data, at_init=False, stages=stages(run), **options) for run, model in models.items()
    }


def grouped_runs(runs: Sequence[str]) -> dict[str, list[str]]:
    """Group runs whose recorded settings differ in the seed alone; a group is named by its first run.

    Raises:
        ConfigError: fewer than two groups, or a run named twice.
    """
    for run in runs:
        if runs.count(run) > 1:
            raise ConfigError(f"{run} is named twice; name each run once.")
    groups: dict[str, list[str]] = {}
    for run in runs:
        groups.setdefault(_without_seed(run), []).append(run)
    if len(groups) < 2:
        raise ConfigError(
            f"A comparison needs at least two runs with different settings; {', '.join(runs)} "
            f"{'is one run' if len(runs) == 1 else 'differ in their seeds alone'}."
        )
    return {
        f"{members[0]} and {len(members) - 1} more" if members[1:] else members[0]: members
        for members in groups.values()
    }


def _without_seed(run: str) -> str:
    try:
        settings = json.loads((Path(run) / METRICS).read_text(encoding="utf-8"))["settings"]
        return json.dumps(settings | {"train": settings["train"] | {"seed": None}}, sort_keys=True)
    except (OSError, ValueError, KeyError, TypeError):
        return run  # a model without its record, as from the Hub: a group of its own


def load_settings_data(config: DataConfig) -> TextData:
    """Load the data that settings name."""
    source: Any = config.data
    if config.test_data is not None:
        if not Path(str(source)).is_file():
            raise DataError(f"--test-data goes with a single file as --data; {source!r} is none.")
        source = {"train": source, "test": config.test_data}
    return load_data(
        source, text_column=config.text_column, label_column=config.label_column, streaming=config.streaming
    )
