"""Stored activations are the streamed ones, however often the storing was interrupted; faults are named."""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from safr_lens.activations import ActivationStore, load_activations, save_activations, shard, stream_activations
from safr_lens.activations.fingerprint import fingerprint
from safr_lens.activations.writing import StoreWriter
from safr_lens.data import TextTokenizer
from safr_lens.errors import CheckpointError, ConfigError, DataError, HookError
from tests.training.corpus import rows, tiny_classifier

NEURONS, PATTERN, POOLED = "blocks.0.mlp.hook_post", "blocks.0.attn.hook_pattern", "hook_pooled"
HOOKS = (NEURONS, PATTERN, POOLED, "blocks.0.attn.hook_q", "hook_mask")
SIZES = {"shard_tokens": 60, "max_positions": 40}
DATA = rows(40, seed=3)
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@pytest.fixture
def classifier(make_model):
    return make_model(n_ctx=8)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "stored"


@pytest.fixture
def stored(classifier, folder) -> Path:
    """A complete store of several shards."""
    save_activations(classifier, DATA, HOOKS, folder, **SIZES)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same_batches(found, expected, dtype=torch.float32) -> int:
    """Compare batches, all they hold, bit by bit; return how many there were."""
    n = 0
    for one, other in zip(found, expected, strict=True):
        for name in ("tokens", "positions", "rows", "example", "labels"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
        assert one.n_cut == other.n_cut
        assert one.activations.keys() == other.activations.keys()
        for name, value in one.activations.items():
            values, streamed = (v if isinstance(v, list) else [v] for v in (value, other.activations[name]))
            for a, b in zip(values, streamed, strict=True):
                assert a.dtype == dtype
                assert torch.equal(a, b.to(dtype)), name
        n += 1
    return n


def no_model(*args, **kwargs):
    raise AssertionError("the model was run")


# ---- what comes back


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shard_tokens", [1, 60, 100_000])
def test_the_batches_read_back_are_the_streamed_ones(classifier, folder, dtype, shard_tokens):
    store = save_activations(classifier, DATA, HOOKS, folder, dtype=dtype, shard_tokens=shard_tokens, max_positions=40)
    streamed = list(stream_activations(classifier, DATA, sorted(HOOKS), max_positions=40))
    assert same_batches(store, streamed, DTYPES[dtype]) == len(streamed) > 5
    assert same_batches(load_activations(str(folder)), streamed, DTYPES[dtype])
    n_files = len(list(folder.glob("*.safetensors")))
    assert n_files == {1: len(streamed), 100_000: 1}.get(shard_tokens, n_files)


@pytest.mark.parametrize("hook", HOOKS)
def test_one_hook_point_can_be_stored_alone(classifier, folder, hook):
    store = save_activations(classifier, DATA, hook, folder, **SIZES)
    assert store.hooks == (hook,)
    assert same_batches(store, stream_activations(classifier, DATA, hook, max_positions=40))


def test_all_hook_points_of_any_model_can_be_stored(model, texts, folder):
    names = list(model.run_with_cache(texts[0])[1])
    store = save_activations(model, texts, names, folder, **SIZES)
    assert same_batches(store, stream_activations(model, texts, sorted(names), max_positions=40))


def test_a_store_says_what_it_holds(classifier, stored):
    store = load_activations(stored)
    lengths = [len(classifier.tokenizer.encode(row["text"], n_ctx=99).ids) for row in DATA]
    assert isinstance(store, ActivationStore)
    assert (store.n_texts, store.complete) == (40, True)
    assert store.n_tokens == sum(min(8, n) for n in lengths)
    assert store.n_cut == sum(n > 8 for n in lengths) > 0
    assert store.hooks == tuple(sorted(HOOKS))
    assert len(list(store)) == len(list(store)), "it can be read as often as one likes"


def test_no_file_holds_more_tokens_than_asked_unless_a_single_batch_does(classifier, folder):
    save_activations(classifier, DATA, NEURONS, folder, shard_tokens=50, max_positions=24)
    sizes = [load_file(path) for path in sorted(folder.glob("*.safetensors"))]
    assert len(sizes) > 3
    assert all(len(tensors["tokens"]) <= 50 for tensors in sizes)
    assert any(len(tensors["batch_texts"]) > 1 for tensors in sizes)


def test_values_keep_their_texts_in_the_files_themselves(classifier, stored):
    """The files can be read without this package."""
    for path in sorted(stored.glob("*.safetensors")):
        tensors = load_file(path)
        ends = tensors["lengths"].cumsum(0).tolist()
        squares = tensors["lengths"].square().cumsum(0).tolist()
        for row, (end, n) in enumerate(zip(ends, tensors["lengths"].tolist(), strict=True)):
            tokens = tensors["tokens"][end - n : end]
            _, cache = classifier.run_with_cache(tokens.unsqueeze(0))
            torch.testing.assert_close(tensors[NEURONS][end - n : end], cache[NEURONS][0], rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(tensors[POOLED][row], cache[POOLED][0], rtol=1e-5, atol=1e-5)
            pattern = tensors[PATTERN][squares[row] - n * n : squares[row]].T.reshape(2, n, n)
            torch.testing.assert_close(pattern, cache[PATTERN][0], rtol=1e-5, atol=1e-5)
            assert tensors["rows"][end - n : end].tolist() == [row] * n
            assert tensors["positions"][end - n : end].tolist() == list(range(n))
            assert int(tensors["labels"][row]) == DATA[int(tensors["example"][row])]["label"]


def test_progress_counts_texts_up_to_all_of_them(classifier, folder):
    told = []
    save_activations(classifier, DATA, NEURONS, folder, **SIZES, progress=told.append)
    assert told == sorted(told) and len(told) > 5 and told[-1] == 40
    again = []
    save_activations(classifier, DATA, NEURONS, folder, **SIZES, progress=again.append)
    assert again[-1] == 40 and set(again) < set(told)


def test_a_value_that_float16_cannot_hold_is_an_error_and_not_an_infinity(classifier, folder):
    with torch.no_grad():
        classifier.backbone.blocks[0].mlp.b_in.fill_(1e5)
    with pytest.raises(ConfigError, match=r"hook_post reaches 1e\+05, more than float16 can hold.*'bfloat16'"):
        save_activations(classifier, DATA, NEURONS, folder, dtype="float16")
    assert save_activations(classifier, DATA, NEURONS, folder, dtype="bfloat16").complete


def test_an_infinity_of_the_model_stays_one(classifier, folder):
    with torch.no_grad():
        classifier.backbone.blocks[0].mlp.b_in[3] = float("inf")
    for batch in save_activations(classifier, DATA, NEURONS, folder, dtype="float16"):
        assert batch.activations[NEURONS].isinf().sum(0).tolist() == [0] * 3 + [len(batch.tokens)] + [0] * 28


# ---- interruption


def interrupted(classifier, folder, after: int, error=KeyboardInterrupt) -> None:
    """Store, and be interrupted when so many texts are done."""

    def progress(n_texts):
        if n_texts >= after:
            raise error

    with pytest.raises(error):
        save_activations(classifier, DATA, HOOKS, folder, **SIZES, progress=progress)


@pytest.mark.parametrize("after", [1, 8, 15, 22, 30, 36, 40])
def test_going_on_after_an_interruption_is_byte_for_byte_as_without_one(classifier, stored, tmp_path, after):
    other = tmp_path / "other"
    interrupted(classifier, other, after)
    if other.exists():
        assert not load_activations(other).complete
        assert load_activations(other).n_texts < 40
        assert all(path.name in contents(stored) for path in other.iterdir())
    interrupted(classifier, other, min(after + 9, 40))
    store = save_activations(classifier, DATA, HOOKS, other, **SIZES)
    assert store.complete
    assert contents(other) == contents(stored)


def test_some_of_the_interruptions_come_in_the_middle(classifier, folder):
    interrupted(classifier, folder, 22)
    store = load_activations(folder)
    assert store.manifest.shards and 0 < store.n_texts < 22
    streamed = stream_activations(classifier, DATA, sorted(HOOKS), max_positions=40)
    whole = list(streamed)
    assert same_batches(store, whole[: len(list(store))]) > 0


def test_an_interruption_while_a_shard_is_written_leaves_nothing_half_written(
    classifier, stored, tmp_path, monkeypatch
):
    other, real, calls = tmp_path / "other", save_file, []

    def stop_at_the_second(tensors, path):
        calls.append(path)
        if len(calls) == 2:
            Path(path).write_bytes(b"half")
            raise KeyboardInterrupt
        real(tensors, path)

    monkeypatch.setattr(shard, "save_file", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        save_activations(classifier, DATA, HOOKS, other, **SIZES)
    assert sorted(contents(other)) == ["activations-00000.safetensors", "manifest.json"]
    assert contents(other)["activations-00000.safetensors"] == contents(stored)["activations-00000.safetensors"]
    save_activations(classifier, DATA, HOOKS, other, **SIZES)
    assert contents(other) == contents(stored)


def test_stored_shards_are_not_computed_again(classifier, folder, monkeypatch):
    interrupted(classifier, folder, 30)
    stored_texts = load_activations(folder).n_texts
    seen, real = [], shard.activations_of

    def counting(model, batch, names, *rest):
        seen.extend(batch.example.tolist())
        return real(model, batch, names, *rest)

    monkeypatch.setattr(shard, "activations_of", counting)
    save_activations(classifier, DATA, HOOKS, folder, **SIZES)
    assert stored_texts > 10
    assert len(seen) == len(set(seen)) == 40 - stored_texts


def test_a_complete_store_is_returned_as_it_is(classifier, stored, monkeypatch):
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in stored.iterdir()}
    monkeypatch.setattr(shard, "activations_of", no_model)
    assert save_activations(classifier, DATA, HOOKS, stored, **SIZES).complete
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in stored.iterdir()} == before


def test_a_shard_that_was_written_but_not_entered_is_written_again(classifier, stored, tmp_path):
    whole = contents(stored)
    manifest = json.loads(whole["manifest.json"])
    manifest["shards"], manifest["complete"] = manifest["shards"][:1], False
    del manifest["xxh3_128"]
    (stored / "manifest.json").write_text(json.dumps(manifest))
    (stored / "activations-00001.safetensors").write_bytes(b"anything")
    save_activations(classifier, DATA, HOOKS, stored, **SIZES)
    assert contents(stored) == whole


def test_own_temporaries_of_a_killed_process_are_removed_and_nothing_else(classifier, stored):
    whole = contents(stored)
    stale = (".activations-00002.safetensors.abc_123.tmp", ".manifest.json.x1.tmp")
    kept = ("notes.txt", ".hidden", "model.safetensors", ".other.json.x1.tmp", "activations-1.safetensors.bak")
    for name in (*stale, *kept):
        (stored / name).write_bytes(b"x")
    save_activations(classifier, DATA, HOOKS, stored, **SIZES)
    assert contents(stored) == {**whole, **dict.fromkeys(kept, b"x")}


def test_a_manifest_of_earlier_versions_is_compared_with_its_own_checksum(stored):
    path = stored / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["xxh3_128"]
    sha = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({**manifest, "sha256": sha}))
    assert len(list(load_activations(stored))) > 1
    path.write_text(json.dumps({**manifest, "sha256": sha, "max_positions": 7}))
    with pytest.raises(CheckpointError, match="its checksum is another one"):
        load_activations(stored)


KILLED = """
import sys, time
from tests.activations.test_store import DATA, HOOKS, SIZES
from tests.training.corpus import tiny_classifier
from safr_lens.activations import save_activations, shard
real = shard.save_file
def slow(tensors, path):
    real(tensors, path)
    print("written", path, flush=True)
    time.sleep(float(sys.argv[2]))
shard.save_file = slow
save_activations(tiny_classifier(), DATA, HOOKS, sys.argv[1], **SIZES)
"""


def test_a_killed_process_can_be_gone_on_with(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-c", KILLED, str(killed)]
    root = Path(__file__).parents[2]
    with subprocess.Popen([*command, "60"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert b"written" in process.stdout.readline()
        process.kill()
        process.wait(timeout=60)
    assert [path.suffix for path in killed.iterdir()].count(".tmp") == 1
    assert load_activations(killed).n_texts == 0
    for folder in (killed, whole):
        save_activations(tiny_classifier(), DATA, HOOKS, folder, **SIZES)
    assert contents(killed) == contents(whole)


# ---- something else in the way

OTHER_DATA = {
    "another word": [*DATA[:-1], {**DATA[-1], "text": "dull " + DATA[-1]["text"]}],
    "another label": [*DATA[:-1], {**DATA[-1], "label": 1 - DATA[-1]["label"]}],
    "another order": DATA[::-1],
    "a text less": DATA[:-1],
    "a text more": [*DATA, DATA[0]],
    "twice": [*DATA, *DATA],
    "the first ones": DATA[:6],
}


@pytest.mark.parametrize("which", OTHER_DATA)
@pytest.mark.parametrize("complete", [True, False])
def test_other_data_is_refused_and_nothing_changed(classifier, folder, which, complete):
    if complete:
        save_activations(classifier, DATA, HOOKS, folder, **SIZES)
    else:
        interrupted(classifier, folder, 36)
    before = contents(folder)
    with pytest.raises(CheckpointError, match=r"holds activations of other data \(from text \d+\).*overwrite=True"):
        save_activations(classifier, OTHER_DATA[which], HOOKS, folder, **SIZES)
    assert contents(folder) == before


@pytest.mark.parametrize(("n_stored", "n_now"), [(7, 8), (8, 7)])
def test_data_that_goes_on_longer_or_stops_earlier_is_refused(classifier, folder, n_stored, n_now):
    rising = ["film " * n for n in range(1, 9)]
    save_activations(classifier, rising[:n_stored], NEURONS, folder, shard_tokens=1, max_positions=1)
    before = contents(folder)
    with pytest.raises(CheckpointError, match=r"other data \(from text 7\)"):
        save_activations(classifier, rising[:n_now], NEURONS, folder, shard_tokens=1, max_positions=1)
    assert contents(folder) == before


def test_data_that_only_begins_alike_can_be_gone_on_with_as_far_as_it_is_the_same(classifier, folder):
    """What is stored is compared; what is not stored yet cannot be."""
    longest_last = [{"text": " ".join(["film"] * n), "label": 0} for n in range(1, 9)]
    interrupted_at = 6

    def progress(n_texts):
        if n_texts >= interrupted_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_activations(classifier, longest_last, NEURONS, folder, shard_tokens=1, max_positions=1, progress=progress)
    other_end = [*longest_last[:-1], {"text": "dull " * 8, "label": 1}]
    store = save_activations(classifier, other_end, NEURONS, folder, shard_tokens=1, max_positions=1)
    assert same_batches(store, stream_activations(classifier, other_end, NEURONS, max_positions=1))


def two_words_exchanged(tokenizer):
    state = json.loads(tokenizer.tokenizer.to_str())
    words = state["model"]["vocab"]
    words["film"], words["dull"] = words["dull"], words["film"]
    return TextTokenizer(Tokenizer.from_str(json.dumps(state)))


OTHER_MODELS = {
    "weights": {"seed": 1},
    "labels": {"labels": ("bad", "good")},
    "n_ctx": {"n_ctx": 9},
    "act_fn": {"act_fn": "gelu"},
    "readout": {"readout": "residual"},
    "padding": lambda tokenizer: TextTokenizer(tokenizer.tokenizer, pad_id=1),
    "words": two_words_exchanged,
}


@pytest.mark.parametrize("changed", OTHER_MODELS)
@pytest.mark.parametrize("complete", [True, False])
def test_another_model_is_refused(make_model, classifier, folder, changed, complete):
    if complete:
        save_activations(classifier, DATA, HOOKS, folder, **SIZES)
    else:
        interrupted(classifier, folder, 36)
    how = OTHER_MODELS[changed]
    other = make_model(**{"n_ctx": 8, **({} if callable(how) else how)})
    if callable(how):
        other.tokenizer = how(other.tokenizer)
    before = contents(folder)
    with pytest.raises(CheckpointError, match=r"activations of another model.*Name another folder.*overwrite=True"):
        save_activations(other, DATA, HOOKS, folder, **SIZES)
    assert contents(folder) == before


def test_any_single_weight_makes_another_model(classifier, make_model):
    assert fingerprint(classifier) == fingerprint(make_model(n_ctx=8))
    found = {fingerprint(classifier)}
    for parameter in classifier.parameters():
        with torch.no_grad():
            parameter.view(-1)[-1] += 1e-3
        found.add(fingerprint(classifier))
    assert len(found) == 1 + len(list(classifier.parameters()))
    assert fingerprint(classifier.bfloat16()) not in found


OTHER_SETTINGS = {
    "another hook point": ({"hooks": [NEURONS, "hook_embed"]}, r"holds the hook points blocks.*asked for .*hook_embed"),
    "fewer hook points": ({"hooks": NEURONS}, r"holds the hook points blocks.*asked for blocks.0.mlp.hook_post\."),
    "dtype": ({"dtype": "float16"}, r"dtype was 'float32', now 'float16'. Use the old setting"),
    "shard_tokens": ({"shard_tokens": 61}, "shard_tokens was 60, now 61"),
    "max_positions": ({"max_positions": 41}, "max_positions was 40, now 41"),
}


@pytest.mark.parametrize("which", OTHER_SETTINGS)
def test_other_settings_are_refused_and_named(classifier, stored, which):
    changes, message = OTHER_SETTINGS[which]
    asked = {"hooks": HOOKS, **SIZES, **changes}
    before = contents(stored)
    with pytest.raises(CheckpointError, match=message) as error:
        save_activations(classifier, DATA, folder=stored, **asked)
    assert "overwrite=True" in str(error.value)
    assert contents(stored) == before


def test_hooks_of_the_user_are_part_of_the_settings(classifier, stored, folder):
    patch = [(NEURONS, lambda value, hook: 2 * value)]
    with (
        classifier.hooks(fwd_hooks=patch),
        pytest.raises(CheckpointError, match=r"edited by the user was none, now blocks.0.mlp.hook_post"),
    ):
        save_activations(classifier, DATA, HOOKS, stored, **SIZES)
    with classifier.hooks(fwd_hooks=patch):
        store = save_activations(classifier, DATA, HOOKS, folder, **SIZES, overwrite=True)
        assert same_batches(store, stream_activations(classifier, DATA, sorted(HOOKS), max_positions=40))


@pytest.mark.parametrize("hooks", [list(HOOKS), set(HOOKS), [*HOOKS[::-1], NEURONS]])
def test_the_order_of_the_hook_points_does_not_matter(classifier, stored, hooks, monkeypatch):
    monkeypatch.setattr(shard, "activations_of", no_model)
    assert save_activations(classifier, DATA, hooks, stored, **SIZES).complete


def test_overwrite_replaces_all_shards(classifier, stored, tmp_path):
    n_before = len(list(stored.glob("*.safetensors")))
    (stored / "notes.txt").write_text("kept")
    store = save_activations(classifier, DATA[:6], NEURONS, stored, overwrite=True)
    assert (store.n_texts, store.hooks) == (6, (NEURONS,))
    assert sorted(contents(stored)) == ["activations-00000.safetensors", "manifest.json", "notes.txt"]
    assert n_before > 3
    save_activations(classifier, DATA[:6], NEURONS, tmp_path / "other")
    assert contents(tmp_path / "other").items() < contents(stored).items()


def test_a_file_in_place_of_the_folder_is_an_error(classifier, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"file is a file; expected a folder"):
        save_activations(classifier, DATA, NEURONS, tmp_path / "file", overwrite=True)


def test_shards_without_a_manifest_are_not_touched(classifier, stored):
    (stored / "manifest.json").unlink()
    before = contents(stored)
    with pytest.raises(CheckpointError, match=r"without a manifest.json.*overwrite=True"):
        save_activations(classifier, DATA, HOOKS, stored, **SIZES)
    assert contents(stored) == before


def test_other_files_in_the_folder_are_no_obstacle(classifier, folder):
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert save_activations(classifier, DATA, NEURONS, folder).complete
    assert (folder / "config.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dtype": "float8"}, r"dtype must be one of float32.*Did you mean 'float"),
        ({"shard_tokens": 0}, "shard_tokens must be a whole number, at least 1"),
        ({"max_positions": 1.5}, "max_positions must be a whole number"),
    ],
)
def test_settings_without_meaning_are_errors(classifier, folder, wrong, message):
    with pytest.raises(ConfigError, match=message):
        save_activations(classifier, DATA, NEURONS, folder, **wrong)
    assert not folder.exists()


def test_errors_of_the_stream_come_before_anything_is_written(classifier, folder):
    for data, hooks, kind in (
        (DATA, "blocks.0.mlp.hook_pots", HookError),
        (DATA, "blocks.0.hook_q_input", HookError),
        ([], NEURONS, DataError),
        (["a film", 3], NEURONS, DataError),
    ):
        with pytest.raises(kind):
            save_activations(classifier, data, hooks, folder)
        assert not folder.exists()


def test_a_data_set_and_its_stream_are_the_same_data(classifier, stored, monkeypatch):
    monkeypatch.setattr(shard, "activations_of", no_model)
    split = Dataset.from_list(DATA)
    for data in (split, split.to_iterable_dataset(), iter(DATA)):
        assert save_activations(classifier, data, HOOKS, stored, **SIZES).complete


# ---- damage


def first(folder: Path) -> Path:
    return folder / "activations-00000.safetensors"


def of_an_earlier_version(folder: Path) -> None:
    """Take the checksums of files away, which stores of earlier versions lack."""
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["xxh3_128"]
    for entered in manifest["shards"]:
        del entered["file_checksum"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def edit_manifest(folder: Path, **changes) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


def edit_shard(folder: Path, **changes) -> None:
    """Change tensors of a shard, and enter it into the manifest as if it had been written so."""
    tensors = {**load_file(first(folder)), **changes}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, first(folder))
    if all(tensor is not None and tensor.ndim == 1 for tensor in changes.values()):
        entered = shard.described(tensors)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["shards"][0] = vars(entered)
        (folder / "manifest.json").write_text(json.dumps(manifest))


def truncated_shard(folder):
    first(folder).write_bytes(first(folder).read_bytes()[:-5])


def empty_shard(folder):
    first(folder).write_bytes(b"")


def no_shard(folder):
    first(folder).unlink()


def folder_as_shard(folder):
    first(folder).unlink()
    first(folder).mkdir()


def pickle_as_shard(folder):
    first(folder).write_bytes(pickle.dumps(Bomb()))


def torch_file_as_shard(folder):
    torch.save({"tokens": torch.zeros(3)}, first(folder))


def huge_header(folder):
    first(folder).write_bytes((2**60).to_bytes(8, "little") + b"{}")


def foreign_shard(folder):
    save_file({"bert.embeddings": torch.zeros(3, 4)}, first(folder))


def another_shard(folder):
    first(folder).write_bytes((folder / "activations-00001.safetensors").read_bytes())


def another_token(folder):
    tensors = load_file(first(folder))
    tensors["tokens"][3] += 1
    save_file(tensors, first(folder))


def neurons_of_another_width(folder):
    edit_shard(folder, **{NEURONS: load_file(first(folder))[NEURONS][:, :5].clone()})


def neurons_of_fewer_tokens(folder):
    edit_shard(folder, **{NEURONS: load_file(first(folder))[NEURONS][:-1].clone()})


def neurons_of_another_type(folder):
    edit_shard(folder, **{NEURONS: load_file(first(folder))[NEURONS].double()})


def no_neurons(folder):
    edit_shard(folder, **{NEURONS: None})


def tokens_that_are_floats(folder):
    tokens = load_file(first(folder))["tokens"].view(torch.double)  # of the same bytes
    save_file({**load_file(first(folder)), "tokens": tokens}, first(folder))


def tokens_in_a_table(folder):
    edit_shard(folder, tokens=load_file(first(folder))["tokens"].unsqueeze(1))


def lengths_that_do_not_add_up(folder):
    lengths = load_file(first(folder))["lengths"]
    lengths[0] += 1
    edit_shard(folder, lengths=lengths)


def a_negative_length(folder):
    lengths = load_file(first(folder))["lengths"]
    lengths[:2] = torch.tensor([-1, int(lengths[:2].sum()) + 1])
    edit_shard(folder, lengths=lengths)


def batches_of_more_texts_than_there_are(folder):
    edit_shard(folder, batch_texts=load_file(first(folder))["batch_texts"] + 1)


def a_batch_without_texts(folder):
    tensors = load_file(first(folder))
    zero = torch.zeros(1, dtype=torch.long)
    edit_shard(folder, **{name: torch.cat([zero, tensors[name]]) for name in ("batch_texts", "batch_n_cut")})


def a_label_too_few(folder):
    edit_shard(folder, labels=load_file(first(folder))["labels"][1:].clone())


def rows_of_other_texts(folder):
    edit_shard(folder, rows=load_file(first(folder))["rows"] + 1)


def positions_elsewhere(folder):
    edit_shard(folder, positions=load_file(first(folder))["positions"] + 1)


def nothing_at_all(folder):
    edit_shard(folder, **{name: torch.zeros(0, dtype=torch.long) for name in shard.INDEX})


def n_tokens_of_the_manifest(folder):
    shards = json.loads((folder / "manifest.json").read_text())["shards"]
    edit_manifest(folder, shards=[{**shards[0], "n_tokens": 1}, *shards[1:]])


SHARD_FAULTS = {
    truncated_shard: "is damaged",
    empty_shard: "is damaged",
    no_shard: "is missing",
    folder_as_shard: "is damaged",
    pickle_as_shard: "is damaged",
    torch_file_as_shard: "is damaged",
    huge_header: "is damaged",
    foreign_shard: "it holds bert.embeddings",
    another_shard: "not those of the manifest",
    another_token: "not those of the manifest",
    neurons_of_another_width: "hook_post is not [",
    neurons_of_fewer_tokens: "hook_post is not [",
    neurons_of_another_type: "of float32",
    no_neurons: "it holds batch_n_cut",
    tokens_that_are_floats: "not those of the manifest",
    tokens_in_a_table: "not those of the manifest",
    lengths_that_do_not_add_up: "do not fit each other",
    a_negative_length: "nothing in it",
    batches_of_more_texts_than_there_are: "do not fit each other",
    a_batch_without_texts: "nothing in it",
    a_label_too_few: "do not fit each other",
    rows_of_other_texts: "rows or positions",
    positions_elsewhere: "rows or positions",
    nothing_at_all: "nothing in it",
    n_tokens_of_the_manifest: "not those of the manifest",
}


class Bomb:
    """A pickle that fails the test when it is read."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


@pytest.mark.parametrize("damage", SHARD_FAULTS, ids=lambda damage: damage.__name__)
def test_a_fault_of_a_shard_is_named_when_it_is_read_and_when_it_is_gone_on_with(classifier, stored, damage):
    of_an_earlier_version(stored)
    damage(stored)
    store = load_activations(stored)
    for use in (lambda: list(store), lambda: save_activations(classifier, DATA, HOOKS, stored, **SIZES)):
        with pytest.raises(CheckpointError) as error:
            use()
        assert SHARD_FAULTS[damage] in str(error.value)
        assert "activations-00000.safetensors" in str(error.value) and "overwrite=True" in str(error.value)


@pytest.mark.parametrize("name", ["activations-00000.safetensors", "activations-00001.safetensors", "manifest.json"])
def test_every_flipped_bit_of_a_store_is_noticed_or_changes_nothing(classifier, stored, name):
    path, expected = stored / name, list(load_activations(stored))
    content, draw = path.read_bytes(), random.Random(0)
    for _ in range(40):
        changed = bytearray(content)
        changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        try:
            assert same_batches(load_activations(stored), expected)
        except CheckpointError as error:
            assert name in str(error)


def test_a_store_of_an_earlier_version_loads_and_is_gone_on_with(classifier, stored):
    expected = list(load_activations(stored))
    of_an_earlier_version(stored)
    assert same_batches(load_activations(stored), expected)
    assert save_activations(classifier, DATA, HOOKS, stored, **SIZES).complete


def test_a_replacing_store_that_fails_leaves_the_old_one_whole(classifier, stored, monkeypatch):
    whole = contents(stored)
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "finish", interrupt)
        save_activations(classifier, DATA[:6], NEURONS, stored, overwrite=True)
    assert contents(stored) == whole


def test_activations_never_replace_the_manifest_of_a_model(classifier, tmp_path):
    classifier.save_pretrained(tmp_path)
    whole = contents(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match="holds a model or an analysis"):
            save_activations(classifier, DATA, HOOKS, tmp_path, overwrite=overwrite)
    assert contents(tmp_path) == whole


def interrupt(*args):
    raise KeyboardInterrupt


def test_a_damaged_folder_can_be_overwritten(classifier, stored, tmp_path):
    whole = contents(stored)
    truncated_shard(stored)
    (stored / "manifest.json").write_bytes(b"{")
    save_activations(classifier, DATA, HOOKS, stored, **SIZES, overwrite=True)
    assert contents(stored) == whole


def test_nothing_is_unpickled(classifier, stored, monkeypatch):
    pickle_as_shard(stored)
    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, no_model)
    with pytest.raises(CheckpointError, match="is damaged"):
        list(load_activations(stored))


MANIFEST_FAULTS = {
    "empty": (b"", "manifest.json is damaged"),
    "half": (b'{"format": "safr_le', "manifest.json is damaged"),
    "binary": (b"\xff\xfe\x00", "manifest.json is damaged"),
    "deep": (b"[" * 100_000, "manifest.json is damaged"),
    "list": (b"[1]", "was not written by safr_lens"),
    "foreign": (b'{"manifest_version": 3, "name": "extension"}', "was not written by safr_lens"),
    "other version": (b'{"format": "safr_lens.activations/99"}', 'expected "format": "safr_lens.activations/1"'),
    "nothing else": (b'{"format": "safr_lens.activations/1"}', "it lacks 'hooks'"),
}


@pytest.mark.parametrize("which", MANIFEST_FAULTS)
def test_a_fault_of_the_manifest_is_named(classifier, stored, which):
    content, message = MANIFEST_FAULTS[which]
    (stored / "manifest.json").write_bytes(content)
    for use in (
        lambda: load_activations(stored),
        lambda: save_activations(classifier, DATA, HOOKS, stored, **SIZES),
    ):
        with pytest.raises(CheckpointError) as error:
            use()
        assert message in str(error.value)
        assert "overwrite=True" in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"shards": [{"n_texts": 1}]},
        {"shards": 3},
        {"shards": [{"n_texts": -1, "n_tokens": 1, "n_cut": 0, "sha256": ""}]},
        {"shards": [{"n_texts": True, "n_tokens": 1, "n_cut": 0, "sha256": ""}]},
        {"hooks": {}},
        {"hooks": [NEURONS]},
        {"hooks": {NEURONS: {"shape": [32], "dtype": "float64"}}},
        {"hooks": {NEURONS: {"shape": ["32"], "dtype": "float32"}}},
        {"hooks": {NEURONS: {"shape": [32], "dtype": ["float32"]}}},
        {"hooks": {NEURONS: {"shape": [32], "dtype": "float32"}, POOLED: {"shape": [2], "dtype": "float16"}}},
        {"shard_tokens": None},
        {"edited": 3},
    ],
    ids=str,
)
def test_a_manifest_that_says_nonsense_is_damaged(stored, changes):
    edit_manifest(stored, **changes)
    with pytest.raises(CheckpointError, match=r"manifest.json is damaged"):
        load_activations(stored)


@pytest.mark.parametrize(("name", "message"), [("nowhere", "is no folder"), ("empty", "has no manifest.json")])
def test_a_folder_without_activations_is_named(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=rf"{name} {message}; expected activations written by save_activations"):
        load_activations(tmp_path / name)
