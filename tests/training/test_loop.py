"""Training on a tiny corpus: it learns, repeats itself, keeps its best epoch, resumes, says what is wrong."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from datasets import Dataset
from torch.optim.optimizer import register_optimizer_step_pre_hook

from safr_lens import HookedClassifier, SafrPenalty, Schedule, TextData, TrainConfig, evaluate, train
from safr_lens.errors import CheckpointError, ConfigError, DataError, TrainingError
from safr_lens.measures.reliance import reliance
from safr_lens.penalty import inputs
from safr_lens.penalty.relatedness import unit_or_zero
from safr_lens.training import TrainResult, loop, run_folder
from tests.training.corpus import LABELS, sentiment_data, tiny_classifier

BATCH_SIZE = 8
N_BATCHES = 5  # an odd number, for the accumulation of two
DATA = sentiment_data(n_train=N_BATCHES * BATCH_SIZE, n_other=16)
LARGER = sentiment_data(n_train=160, n_other=60)
CONSTANT = SafrPenalty(information_weight=0.1)
SETTINGS = {"batch_size": BATCH_SIZE, "learning_rate": 1e-2}
TERMS = {
    "neurons": {"cross_entropy", "information", "importance", "interaction"},
    "embedding": {"cross_entropy", "information", "importance", "interaction"},
    "none": {"cross_entropy", "information"},
}


def fit(
    model: HookedClassifier | None = None,
    data: TextData = DATA,
    *,
    penalty: SafrPenalty = CONSTANT,
    out: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    **config,
) -> TrainResult:
    return train(
        model or tiny_classifier(),
        data,
        TrainConfig(**{**SETTINGS, **config}),
        penalty=penalty,
        out=out,
        resume=resume,
        overwrite=overwrite,
        progress=False,
    )


def weights(model: HookedClassifier) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def timeless(history) -> list[dict]:
    return [{**dataclasses.asdict(record), "seconds": None} for record in history]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class BatchTerms:
    """The loop's ``batch_terms``, counted; something else may happen to the terms from one batch on."""

    def __init__(self, change: Callable | None = None, *, epoch: int = 1, batch: int = 1) -> None:
        self.original, self.change = loop.batch_terms, change
        self.first = N_BATCHES * (epoch - 1) + batch
        self.seen: list[dict[str, float]] = []

    def __call__(self, *args, **kwargs) -> dict:
        terms = self.original(*args, **kwargs)
        self.seen.append({name: term.item() for name, term in terms.items()})
        return self.change(terms) if self.change and len(self.seen) >= self.first else terms


def interrupt(*args, **kwargs) -> None:
    raise KeyboardInterrupt


def interrupted(monkeypatch, out: Path, *, epoch: int, **settings) -> None:
    """Train until the third batch of ``epoch``."""
    with monkeypatch.context() as patch:
        patch.setattr(loop, "batch_terms", BatchTerms(interrupt, epoch=epoch, batch=3))
        with pytest.raises(KeyboardInterrupt):
            fit(out=out, **settings)


@contextmanager
def gradient_norms() -> Iterator[list[float]]:
    """Collect the norm of all gradients before each step of an optimizer."""
    seen: list[float] = []

    def note(optimizer, args, kwargs):
        parameters = itertools.chain.from_iterable(group["params"] for group in optimizer.param_groups)
        norms = [parameter.grad.norm() for parameter in parameters if parameter.grad is not None]
        seen.append(torch.linalg.vector_norm(torch.stack(norms)).item())

    handle = register_optimizer_step_pre_hook(note)
    try:
        yield seen
    finally:
        handle.remove()


@pytest.fixture
def script(monkeypatch):
    """Let the validation accuracies be what a test says; the losses stay the model's own."""

    def play(accuracies, losses=None) -> list[dict[str, torch.Tensor]]:
        snapshots: list[dict[str, torch.Tensor]] = []

        def scripted(model, split):
            found = evaluate(model, split)
            epoch = len(snapshots)
            snapshots.append(weights(model))
            loss = losses[epoch] if losses else found.loss
            return dataclasses.replace(found, accuracy=accuracies[epoch], loss=loss)

        monkeypatch.setattr(loop, "evaluate", scripted)
        return snapshots

    return play


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> TrainResult:
    """A training with everything at its default but the sizes, written to a folder."""
    out = tmp_path_factory.mktemp("runs") / "default"
    return fit(data=LARGER, penalty=SafrPenalty(), out=out, epochs=10, seed=3)


# learning


def test_a_training_is_a_line_where_a_notebook_shows_it(trained):
    accuracy = trained.metrics["test"]["accuracy"]
    assert (
        repr(trained)
        == f"<TrainResult: test accuracy {accuracy:.1%} after {len(trained.history)} epochs; out={trained.out}>"
    )


def test_the_loss_falls_and_accuracy_beats_the_majority(trained):
    losses = [record.terms["cross_entropy"] for record in trained.history]
    assert losses[-1] < 0.7 * losses[0]
    assert trained.metrics["test"]["accuracy"] > trained.metrics["test"]["majority_class"] + 0.2


@pytest.mark.parametrize("site", TERMS)
@pytest.mark.parametrize("readout", ["neurons", "residual"])
def test_each_site_trains_and_logs_its_terms_by_name(site, readout):
    model = tiny_classifier(readout=readout)
    before = {parameter: parameter.detach().clone() for parameter in model.parameters()}
    result = fit(model, penalty=SafrPenalty(site=site), epochs=1)
    [record] = result.history
    assert record.terms.keys() == TERMS[site]
    assert record.weights.keys() == TERMS[site] - {"cross_entropy"}
    assert all(math.isfinite(value) for value in record.terms.values())
    assert result.model is model
    assert not [name for name, value in model.named_parameters() if torch.equal(value, before[value])]


def test_several_layers_can_be_regularised():
    result = fit(tiny_classifier(n_layers=2), penalty=SafrPenalty(layers=(0, 1)), epochs=1)
    assert result.metrics["reliance"]["layers"] == [0, 1]


def test_logged_terms_are_the_mean_over_the_batches_of_the_epoch(monkeypatch):
    counted = BatchTerms()
    monkeypatch.setattr(loop, "batch_terms", counted)
    result = fit(epochs=2)
    for number, record in enumerate(result.history):
        batches = counted.seen[number * N_BATCHES : (number + 1) * N_BATCHES]
        for name, value in record.terms.items():
            assert value == pytest.approx(sum(batch[name] for batch in batches) / N_BATCHES, rel=1e-6)


def test_the_penalty_changes_what_is_learned():
    penalties = [SafrPenalty(importance_weight=weight, interaction_weight=weight) for weight in (0.0, 3.0)]
    plain, safr = (fit(penalty=penalty, epochs=8) for penalty in penalties)
    assert safr.history[-1].terms["importance"] < 0.9 * plain.history[-1].terms["importance"]


def test_weights_follow_their_schedules(monkeypatch):
    used = []
    original = loop.weighted_sum

    def noting(terms, weights):
        used.append(weights["information"])
        return original(terms, weights)

    monkeypatch.setattr(loop, "weighted_sum", noting)
    result = fit(penalty=SafrPenalty(information_weight=Schedule(start=1.0, end=0.2, epochs=2)), epochs=4)
    assert [record.weights["information"] for record in result.history] == pytest.approx([0.6, 0.2, 0.2, 0.2])
    assert used[0] == 1.0
    assert used == sorted(used, reverse=True)
    assert set(used[2 * N_BATCHES :]) == {0.2}
    assert len(set(used[N_BATCHES : 2 * N_BATCHES])) == N_BATCHES


def test_a_weight_may_change_at_once_after_a_delay():
    penalty = SafrPenalty(importance_weight=Schedule(start=0.1, end=0.4, epochs=0, delay=1))
    assert [record.weights["importance"] for record in fit(penalty=penalty, epochs=2).history] == [0.4, 0.4]


# the same again


def test_one_seed_gives_one_result():
    one, other = fit(epochs=3, seed=1), fit(epochs=3, seed=1)
    assert same(weights(one.model), weights(other.model))
    assert timeless(one.history) == timeless(other.history)
    assert {**one.metrics, "seconds": None} == {**other.metrics, "seconds": None}


def test_another_seed_gives_another_result():
    one, other = fit(epochs=1, seed=1), fit(epochs=1, seed=2)
    assert not same(weights(one.model), weights(other.model))
    assert timeless(one.history) != timeless(other.history)


def test_epochs_of_one_training_differ_in_their_order_of_batches(monkeypatch):
    seen = []
    original = loop.batch_terms

    def noting(forward, batch, *args, **kwargs):
        seen.append(batch.example.tolist())
        return original(forward, batch, *args, **kwargs)

    monkeypatch.setattr(loop, "batch_terms", noting)
    fit(epochs=2)
    first, second = seen[:N_BATCHES], seen[N_BATCHES:]
    assert first != second
    for epoch in (first, second):
        assert sorted(itertools.chain.from_iterable(epoch)) == list(range(len(DATA["train"])))


def test_the_callers_random_state_neither_changes_nor_matters():
    results = []
    for seed in (5, 6):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state()
        results.append(fit(epochs=1))
        after = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state()
        assert before[:2] == after[:2]
        assert torch.equal(before[2], after[2])
    assert same(weights(results[0].model), weights(results[1].model))


def test_an_interrupted_training_leaves_the_random_state_alone_too(monkeypatch, tmp_path):
    before = torch.random.get_rng_state()
    interrupted(monkeypatch, tmp_path, epoch=1, epochs=2)
    assert torch.equal(torch.random.get_rng_state(), before)


# the best epoch


def test_the_best_epochs_own_weights_are_restored(script):
    snapshots = script([0.5, 0.9, 0.6, 0.7])
    result = fit(epochs=4, patience=4)
    assert result.metrics["best_epoch"] == 2
    assert same(weights(result.model), snapshots[1])
    assert not same(snapshots[1], snapshots[3])


def test_the_restored_model_evaluates_exactly_as_its_record_says(script):
    script([0.9, 0.5, 0.6])
    result = fit(epochs=3)
    best = result.history[0]
    assert best.best
    assert evaluate(result.model, DATA["validation"]).loss == best.validation_loss
    assert result.history[2].validation_loss != best.validation_loss
    assert result.metrics["validation"] == {
        "accuracy": best.validation_accuracy,
        "loss": best.validation_loss,
    }


def test_records_mark_each_epoch_that_was_the_best_so_far(script):
    script([0.5, 0.5, 0.7, 0.6, 0.8], losses=[1.0, 0.9, 2.0, 0.1, 3.0])
    result = fit(epochs=5, patience=5)
    assert [record.best for record in result.history] == [True, True, True, False, True]


def test_a_tie_in_accuracy_and_loss_keeps_the_earlier_epoch(script):
    script([0.5, 0.5], losses=[1.0, 1.0])
    assert fit(epochs=2).metrics["best_epoch"] == 1


@pytest.mark.parametrize(("metric", "best", "epochs"), [("loss", 2, 3), ("accuracy", 4, 5)])
def test_the_best_epoch_has_the_lowest_loss_or_the_highest_accuracy(script, metric, best, epochs):
    snapshots = script([0.7, 0.6, 0.7, 0.8, 0.7], losses=[0.5, 0.4, 0.4, 0.9, 0.8])
    patience = epochs - best if metric == "loss" else 3
    result = fit(epochs=epochs, patience=patience, metric_for_best_model=metric)
    assert result.metrics["best_epoch"] == best
    assert result.metrics["epochs"] == epochs
    assert same(weights(result.model), snapshots[best - 1])


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 6), (3, 7)])
def test_training_stops_when_patience_ends(script, patience, epochs):
    script([0.5, 0.7, 0.6, 0.8, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9])
    result = fit(epochs=10, patience=patience)
    assert result.metrics["epochs"] == len(result.history) == epochs
    assert result.metrics["best_epoch"] == (2 if patience == 1 else 4)


def test_the_best_epoch_is_chosen_only_after_the_schedules_settle(script):
    snapshots = script([0.9, 0.8, 0.6, 0.7, 0.5])
    penalty = SafrPenalty(information_weight=Schedule(start=1.0, end=0.1, epochs=2))
    result = fit(penalty=penalty, epochs=5, patience=5)
    assert result.metrics["best_epoch"] == 4
    assert [record.best for record in result.history] == [True, False, True, True, False]
    assert same(weights(result.model), snapshots[3])


def test_patience_does_not_end_before_the_schedules_settle(script):
    script([0.9, 0.8, 0.7, 0.2, 0.1, 0.3])
    penalty = SafrPenalty(importance_weight=Schedule(start=0.0, end=0.3, epochs=2, delay=1.0))
    result = fit(penalty=penalty, epochs=6, patience=1)
    assert result.metrics["best_epoch"] == 4
    assert result.metrics["epochs"] == 5


def test_the_last_epoch_is_the_best_where_the_training_ends_before_the_schedules_do(script):
    script([0.9, 0.8])
    penalty = SafrPenalty(information_weight=Schedule(start=1.0, end=0.1, epochs=5))
    assert fit(penalty=penalty, epochs=2).metrics["best_epoch"] == 2


def test_an_unfinished_folder_holds_the_best_weights_so_far(monkeypatch, tmp_path, script):
    snapshots = script([0.9, 0.5])
    interrupted(monkeypatch, tmp_path, epoch=3, epochs=4)
    assert same(weights(HookedClassifier.from_pretrained(tmp_path)), snapshots[0])


# what is written


def test_metrics_file_holds_what_the_design_promises(trained):
    written = json.loads((trained.out / "metrics.json").read_text())
    assert written == json.loads(json.dumps(trained.metrics))
    split = LARGER["test"]
    test = evaluate(trained.model, split)
    assert (written["test"]["accuracy"], written["test"]["loss"], written["test"]["n"]) == (
        test.accuracy,
        test.loss,
        60,
    )
    assert written["test"]["majority_class"] == max(Counter(split["label"]).values()) / 60
    assert written["epochs"] == len(trained.history)
    assert written["seed"] == 3
    assert written["labels"] == list(LABELS)
    found = reliance(trained.model, split)
    assert written["reliance"] == json.loads(json.dumps(found.to_dict()))
    assert written["reliance"]["zero"]["accuracy_lost"] > 0.2  # all evidence passes through the neurons


def test_history_file_holds_one_record_an_epoch_with_every_term_by_name(trained):
    lines = (trained.out / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [dataclasses.asdict(record) for record in trained.history]
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(json.loads(line)["terms"].keys() == TERMS["neurons"] for line in lines)


def test_finished_folder_holds_the_run_and_nothing_else(trained):
    assert files(trained.out) == [
        "compared_pairs.safetensors",
        "config.json",
        "history.jsonl",
        "manifest.json",
        "metrics.json",
        "model.safetensors",
        "rows.parquet",
        "tokenizer.json",
    ]


def test_written_model_is_the_returned_one(trained, tmp_path):
    loaded = HookedClassifier.from_pretrained(trained.out)
    assert same(weights(loaded), weights(trained.model))
    texts = DATA["test"]["text"][:]
    assert torch.equal(loaded(texts).logits, trained.model(texts).logits)
    assert not trained.model.training


def test_without_a_folder_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert fit(epochs=1).out is None
    assert files(tmp_path) == []


def test_progress_goes_to_standard_error_only_when_asked_for(capsys):
    fit(epochs=1)
    assert capsys.readouterr() == ("", "")
    train(tiny_classifier(), DATA, TrainConfig(epochs=1, **SETTINGS), title="tiny run")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "tiny run" in shown.err


# resuming


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_a_resumed_training_ends_as_the_uninterrupted_one_bit_for_bit(monkeypatch, tmp_path, epoch):
    whole = fit(epochs=5, patience=5)
    interrupted(monkeypatch, tmp_path / "run", epoch=epoch, epochs=5, patience=5)
    resumed = fit(out=tmp_path / "run", resume=True, epochs=5, patience=5)
    assert same(weights(resumed.model), weights(whole.model))
    assert timeless(resumed.history) == timeless(whole.history)
    assert same(weights(HookedClassifier.from_pretrained(tmp_path / "run")), weights(whole.model))
    assert "resume" not in files(tmp_path / "run")


def test_resuming_amid_a_schedule_ends_as_the_uninterrupted_training(monkeypatch, tmp_path):
    penalty = SafrPenalty(information_weight=Schedule(start=1.0, end=0.1, epochs=3))
    whole = fit(penalty=penalty, epochs=4)
    interrupted(monkeypatch, tmp_path, epoch=3, penalty=penalty, epochs=4)
    resumed = fit(out=tmp_path, resume=True, penalty=penalty, epochs=4)
    assert same(weights(resumed.model), weights(whole.model))
    assert timeless(resumed.history) == timeless(whole.history)


def test_resuming_with_accumulated_gradients_ends_as_the_uninterrupted_training(monkeypatch, tmp_path):
    settings = {"gradient_accumulation_steps": 2, "epochs": 3}
    whole = fit(**settings)
    interrupted(monkeypatch, tmp_path, epoch=2, **settings)  # after an odd number of batches
    resumed = fit(out=tmp_path, resume=True, **settings)
    assert timeless(resumed.history) == timeless(whole.history)
    assert same(weights(resumed.model), weights(whole.model))


def test_resuming_keeps_the_best_epoch_from_before_the_interruption(monkeypatch, tmp_path, script):
    snapshots = script([0.9, 0.5, 0.6, 0.7])
    interrupted(monkeypatch, tmp_path, epoch=3, epochs=4, patience=4)
    monkeypatch.setattr(loop, "evaluate", lambda m, s: dataclasses.replace(evaluate(m, s), accuracy=0.1))
    resumed = fit(out=tmp_path, resume=True, epochs=4, patience=4)
    assert resumed.metrics["best_epoch"] == 1
    assert same(weights(resumed.model), snapshots[0])
    assert len(resumed.history) == 4


def test_resuming_where_nothing_was_begun_starts_anew(tmp_path):
    assert same(weights(fit(out=tmp_path / "new", resume=True, epochs=2).model), weights(fit(epochs=2).model))


def test_an_interrupted_training_can_be_resumed_for_more_epochs(monkeypatch, tmp_path):
    interrupted(monkeypatch, tmp_path, epoch=2, epochs=2, patience=9)
    resumed = fit(out=tmp_path, resume=True, epochs=4, patience=9)
    assert timeless(resumed.history) == timeless(fit(epochs=4, patience=9).history)


def test_an_interruption_while_the_state_is_written_loses_one_epoch_only(monkeypatch, tmp_path):
    written = []
    original = run_folder.write_json

    def fail_at_the_second(*args):
        written.append(args)
        return interrupt() if len(written) == 2 else original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "write_json", fail_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            fit(out=tmp_path, epochs=3)
    resumed = fit(out=tmp_path, resume=True, epochs=3)
    whole = fit(epochs=3)
    assert same(weights(resumed.model), weights(whole.model))
    assert timeless(resumed.history) == timeless(whole.history)


def test_an_interruption_before_the_metrics_are_written_loses_nothing(monkeypatch, tmp_path):
    original = run_folder.write_json

    def fail_at_the_metrics(path, value):
        return interrupt() if path.name == "metrics.json" else original(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "write_json", fail_at_the_metrics)
        with pytest.raises(KeyboardInterrupt):
            fit(out=tmp_path, epochs=2)
    monkeypatch.setattr(loop, "batch_terms", interrupt)  # nothing is left to train
    resumed = fit(out=tmp_path, resume=True, epochs=2)
    monkeypatch.undo()
    whole = fit(epochs=2)
    assert same(weights(resumed.model), weights(whole.model))
    assert json.loads((tmp_path / "metrics.json").read_text())["test"] == whole.metrics["test"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"learning_rate": 0.002}, ["learning_rate", "0.01", "0.002"]),
        ({"seed": 7}, ["seed", "7"]),
        (
            {"penalty": SafrPenalty(importance_weight=0.7, information_weight=0.1)},
            ["importance_weight", "0.7"],
        ),
        ({"model": tiny_classifier(readout="residual")}, ["readout", "residual"]),
    ],
    ids=["learning rate", "seed", "penalty", "model"],
)
def test_resuming_with_other_settings_names_the_difference(monkeypatch, tmp_path, changed, said):
    interrupted(monkeypatch, tmp_path, epoch=2, epochs=3)
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match="other settings") as error:
        fit(out=tmp_path, resume=True, epochs=3, **changed)
    for part in said:
        assert part in str(error.value)
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def cut_weights(folder: Path) -> None:
    [path] = folder.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:100])


def no_weights(folder: Path) -> None:
    [path] = folder.glob("*.safetensors")
    path.unlink()


def cut_json(folder: Path) -> None:
    path = folder / "state.json"
    path.write_text(path.read_text()[:40])


def other_json(folder: Path) -> None:
    (folder / "state.json").write_text("[]")


def without(key: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        del state[key]
        (folder / "state.json").write_text(json.dumps(state))

    damage.__name__ = f"no_{key}_in_json"
    return damage


def fewer_tensors(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    [path] = folder.glob("*.safetensors")
    save_file({name: value for name, value in load_file(path).items() if "W_U" not in name}, path)


DAMAGES = [
    cut_weights,
    no_weights,
    cut_json,
    other_json,
    *map(without, ("settings", "records", "weights")),
    fewer_tensors,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_state_is_an_error_that_says_what_to_do(monkeypatch, tmp_path, damage):
    interrupted(monkeypatch, tmp_path, epoch=2, epochs=3)
    damage(tmp_path / "resume")
    with pytest.raises(CheckpointError, match=r"resume is damaged.*Remove it"):
        fit(out=tmp_path, resume=True, epochs=3)


# folders that hold something already


def test_a_finished_folder_is_neither_overwritten_nor_resumed_unasked(trained):
    before = {path.name: path.read_bytes() for path in trained.out.iterdir()}
    with pytest.raises(CheckpointError, match=r"already holds a trained run.*--overwrite"):
        fit(out=trained.out, epochs=1)
    with pytest.raises(CheckpointError, match=r"finished; there is nothing to resume"):
        fit(out=trained.out, resume=True, epochs=1)
    assert {path.name: path.read_bytes() for path in trained.out.iterdir()} == before


def test_overwriting_replaces_the_finished_run(trained, tmp_path):
    shutil.copytree(trained.out, tmp_path / "run")
    result = fit(out=tmp_path / "run", overwrite=True, epochs=1, seed=8)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["seed"] == 8
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 1
    assert same(weights(HookedClassifier.from_pretrained(tmp_path / "run")), weights(result.model))


def test_an_unfinished_folder_is_neither_taken_over_nor_removed_unasked(monkeypatch, tmp_path):
    interrupted(monkeypatch, tmp_path, epoch=2, epochs=3)
    with pytest.raises(CheckpointError, match=r"unfinished training.*--resume.*--overwrite"):
        fit(out=tmp_path, epochs=3)
    resumed = fit(out=tmp_path, resume=True, epochs=3)
    assert len(resumed.history) == 3


def test_overwriting_an_unfinished_training_starts_anew(monkeypatch, tmp_path):
    interrupted(monkeypatch, tmp_path, epoch=3, epochs=3, seed=1)
    result = fit(out=tmp_path, overwrite=True, epochs=2, seed=2)
    assert timeless(result.history) == timeless(fit(epochs=2, seed=2).history)


def test_a_replacing_training_that_was_interrupted_early_can_be_started_again(monkeypatch, tmp_path):
    fit(out=tmp_path, epochs=1)
    interrupted(monkeypatch, tmp_path, epoch=1, overwrite=True, epochs=2)
    assert len(fit(out=tmp_path, overwrite=True, epochs=2).history) == 2


def test_a_folder_with_another_model_is_left_alone(tmp_path):
    tiny_classifier().save_pretrained(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match="something else"):
        fit(out=tmp_path, epochs=1)
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(CheckpointError, match="is a file"):
        fit(out=tmp_path / "run", epochs=1)


# trainings that cannot continue


def not_a_number(terms: dict) -> dict:
    return {**terms, "cross_entropy": terms["cross_entropy"] * float("nan")}


def steep(terms: dict) -> dict:
    """Return the same values with a gradient that is no number: the slope of a square root at 0."""
    return {**terms, "cross_entropy": terms["cross_entropy"] + (terms["cross_entropy"] * 0.0).sqrt()}


@pytest.mark.parametrize(("change", "what"), [(not_a_number, "loss"), (steep, "gradient")])
def test_a_loss_or_gradient_that_is_no_number_keeps_the_best_weights(monkeypatch, tmp_path, change, what):
    model = tiny_classifier()
    monkeypatch.setattr(loop, "batch_terms", BatchTerms(change, epoch=3, batch=4))
    with pytest.raises(TrainingError) as error:
        fit(model, out=tmp_path / "run", epochs=5)
    assert f"The {what} became nan in epoch 3" in str(error.value)
    assert "Lower the learning rate (0.01) or the weights of the penalty" in str(error.value)
    assert str(tmp_path / "run") in str(error.value)
    monkeypatch.undo()
    kept = HookedClassifier.from_pretrained(tmp_path / "run")
    assert same(weights(kept), weights(model))
    assert same(weights(kept), weights(fit(epochs=2).model))
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_a_weight_beyond_all_numbers_stops_in_the_epoch_that_it_reaches(tmp_path):
    penalty = SafrPenalty(importance_weight=Schedule(start=0.1, end=1e39, epochs=1e-6, delay=2))
    with pytest.raises(TrainingError, match=r"loss became inf in epoch 3"):
        fit(penalty=penalty, out=tmp_path, epochs=5)
    HookedClassifier.from_pretrained(tmp_path)


def test_a_failure_in_the_first_epoch_restores_the_initial_weights(monkeypatch, tmp_path):
    model = tiny_classifier()
    monkeypatch.setattr(loop, "batch_terms", BatchTerms(not_a_number, epoch=1, batch=5))
    with pytest.raises(TrainingError, match="epoch 1") as error:
        fit(model, out=tmp_path / "run", epochs=2)
    assert "kept" not in str(error.value) and "best weights" not in str(error.value)
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert same(weights(model), weights(tiny_classifier()))


# settings and data


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        (
            {"penalty": SafrPenalty(layers=(1,))},
            ConfigError,
            "layer 1, but the model has 1",
        ),
        (
            {"data": dataclasses.replace(DATA, labels=("bad", "fair", "good"))},
            DataError,
            r"3 classes \(bad, fair, good\).*2 \(negative, positive\)",
        ),
        (
            {"data": dataclasses.replace(DATA, splits={"train": DATA["train"], "test": DATA["test"]})},
            DataError,
            "no split 'validation'",
        ),
        ({"data": dataclasses.replace(DATA, splits={"test": DATA["test"]})}, DataError, "no split 'train'"),
    ],
    ids=["layer", "classes", "validation", "train"],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_bad_settings_write_and_remove_nothing(trained, tmp_path, settings, error, said, overwrite):
    out = tmp_path / "run"
    if overwrite:
        shutil.copytree(trained.out, out)
    before = files(out) if overwrite else None
    with pytest.raises(error, match=said):
        fit(out=out, overwrite=overwrite, epochs=1, **settings)
    assert (files(out) if out.exists() else None) == before


@pytest.mark.parametrize(
    "setting",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"epochs": True},
        {"patience": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": "fast"},
        {"max_grad_norm": 0},
        {"gradient_accumulation_steps": 0},
        {"mixed_precision": "fp8"},
        {"metric_for_best_model": "f1"},
        {"seed": -1},
    ],
    ids=str,
)
def test_a_setting_without_meaning_is_an_error_that_names_it(setting):
    [name] = setting
    with pytest.raises(ConfigError, match=f"{name} must be"):
        TrainConfig(**setting)


def test_labels_beyond_the_models_classes_are_an_error():
    rows = [{"text": "a film", "label": i % 3} for i in range(6)]
    data = dataclasses.replace(DATA, splits={**DATA.splits, "validation": Dataset.from_list(rows)})
    with pytest.raises(DataError, match="label 2, but the model knows 2 classes"):
        fit(data=data, epochs=1)


def test_a_train_split_without_rows_is_an_error():
    data = dataclasses.replace(DATA, splits={**DATA.splits, "train": DATA["train"].select([])})
    with pytest.raises(DataError):
        fit(data=data, epochs=1)


# steps


def test_gradients_are_clipped_before_the_step():
    with gradient_norms() as free:
        fit(epochs=1, max_grad_norm=1e6)
    with gradient_norms() as clipped:
        fit(epochs=1, max_grad_norm=1e-3)
    assert len(free) == len(clipped) == N_BATCHES
    assert min(free) > 1e-2
    assert max(clipped) <= 1e-3 * (1 + 1e-5)
    assert min(clipped) > 0.9e-3


def test_gradients_below_the_bound_are_left_as_they_are():
    with gradient_norms() as free:
        fit(epochs=1, max_grad_norm=1e6)
    with gradient_norms() as bounded:
        fit(epochs=1, max_grad_norm=1.01 * max(free))
    assert bounded == free


def test_accumulated_gradients_make_fewer_steps():
    data = sentiment_data(n_train=8 * BATCH_SIZE)
    with gradient_norms() as steps:
        result = fit(data=data, epochs=3, gradient_accumulation_steps=2)
    assert len(steps) == 3 * 8 / 2
    assert all(math.isfinite(value) for record in result.history for value in record.terms.values())
    with gradient_norms() as steps:
        fit(data=data, epochs=1)
    assert len(steps) == 8


def test_two_accumulated_batches_give_the_gradient_of_their_mean():
    data = sentiment_data(n_train=2 * BATCH_SIZE)
    penalty = SafrPenalty(site="none", information_weight=0.0)
    settings = {"penalty": penalty, "epochs": 1, "max_grad_norm": 1e6}
    with gradient_norms() as together:
        fit(_ungated(tiny_classifier(dropout=0.0)), data, batch_size=2 * BATCH_SIZE, **settings)
    with gradient_norms() as accumulated:
        fit(_ungated(tiny_classifier(dropout=0.0)), data, gradient_accumulation_steps=2, **settings)
    assert len(together) == 1
    assert accumulated == pytest.approx(together, rel=1e-4)


def _ungated(model: HookedClassifier) -> HookedClassifier:
    """Let VMASK keep every token for certain, so that nothing is drawn in training."""
    with torch.no_grad():
        for parameter in model.vmask.parameters():
            parameter.zero_()
        model.vmask.keep.bias.copy_(torch.tensor([-60.0, 60.0]))
    return model


def test_an_epoch_of_fewer_batches_than_are_accumulated_still_makes_a_step():
    with gradient_norms() as steps:
        fit(epochs=1, gradient_accumulation_steps=N_BATCHES + 1)
    assert len(steps) == 1


# precision


@pytest.fixture
def fresh_precision():
    """Let a training choose its precision as if it were the first of its process."""
    AcceleratorState._reset_state(reset_partial_state=False)
    yield
    AcceleratorState._reset_state(reset_partial_state=False)


@pytest.mark.parametrize("site", TERMS)
def test_bf16_trains_with_finite_terms_and_gives_a_model_of_full_precision(fresh_precision, tmp_path, site):
    result = fit(penalty=SafrPenalty(site=site), out=tmp_path, epochs=1, mixed_precision="bf16")
    [record] = result.history
    assert record.terms.keys() == TERMS[site]
    assert all(math.isfinite(value) for value in record.terms.values())
    assert {value.dtype for value in result.model.parameters()} == {torch.float32}
    texts = DATA["test"]["text"][:]
    logits = result.model(texts).logits
    assert logits.dtype == torch.float32
    assert torch.equal(logits, HookedClassifier.from_pretrained(tmp_path)(texts).logits)


def test_word_vectors_are_made_unit_once_a_training(monkeypatch):
    made = []
    monkeypatch.setattr(loop, "unit_or_zero", lambda vectors: made.append(vectors.shape) or unit_or_zero(vectors))
    monkeypatch.setattr(inputs, "unit_or_zero", None)  # called at each step otherwise
    assert fit(penalty=SafrPenalty(), epochs=2).history[0].terms["interaction"] > 0
    assert len(made) == 1


def test_bf16_really_lowers_the_precision(fresh_precision):
    low = fit(epochs=1, mixed_precision="bf16")
    AcceleratorState._reset_state(reset_partial_state=False)
    full = fit(epochs=1)
    coarse, fine = (result.history[0].terms["cross_entropy"] for result in (low, full))
    assert coarse != fine
    assert coarse == pytest.approx(fine, abs=0.05)


def test_one_process_can_train_in_full_precision_and_then_in_bf16(fresh_precision):
    fit(epochs=1)
    result = fit(epochs=1, mixed_precision="bf16")
    assert math.isfinite(result.history[0].terms["cross_entropy"])
