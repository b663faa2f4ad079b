"""Tests stand where their modules stand: ``safr_lens/data/hub.py`` is tested by ``tests/data/test_hub.py``."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "safr_lens"
FOLDERS = (
    "activations",
    "artefacts",
    "data",
    "experiments",
    "measures",
    "models",
    "neurons",
    "runs",
    "training",
    "word_vectors",
)

# modules, or folders of them, without a test file of their own, and the tests of what uses them
TESTED_THROUGH = {
    "activations/batch": "activations/test_stream",
    "activations/fingerprint": "activations/test_store",
    "activations/manifest": "activations/test_store",
    "activations/means": "neurons/test_reference",
    "activations/shard": "activations/test_store",
    "activations/writing": "activations/test_store",
    "data/packed": "data/test_files",
    "data/readers/delimited": "data/test_files",
    "data/readers/file": "data/test_files",
    "data/readers/folder": "data/test_files",
    "data/readers/memory": "test_doors",
    "data/readers/parquet": "data/test_files",
    "data/records": "data/test_dialect",
    "data/rows": "test_doors",
    "experiments/demo": "cli/test_commands",
    "measures/cells": "analysis/test_analyze_comparison",
    "measures/entries": "measures/test_measurement",
    "measures/registry": "measures/test_measurement",
    "measures/scores": "measures/test_statistics",
    "measures/streams/dataclass_metric": "measures/streams/test_activity",
    "measures/streams/registered": "measures/test_statistics",
    "models/config": "models/test_checkpoint",
    "models/evaluating": "models/test_classifier",
    "models/inputs": "models/test_classifier",
    "runs/analyze_run": "browser/test_hostile_names",
    "runs/train_run": "cli/test_commands",
    "training/config": "training/test_loop",
    "training/history": "training/test_loop",
    "training/progress": "training/test_loop",
    "training/task": "training/test_loop",
    "training/train_model": "training/test_loop",
    "word_vectors/ppmi_svd": "word_vectors/test_from_texts",
    "word_vectors/table": "word_vectors/test_from_texts",
}

# test files of several modules at once; their first line says of what
ACROSS = {
    "data/real_files",
    "data/streaming",
    "measures/few_types",
    "measures/ms_two_processes",
    "measures/solu",
    "measures/statistics_two_processes",
    "measures/toy_measure",
    "measures/toy_models",
    "models/padding",
    "models/special_tokens",
    "models/threads",
    "training/accelerate_two_processes",
}


def stems(root: Path, pattern: str) -> set[str]:
    """Files below the mirrored folders, as paths without suffix, relative to the root."""
    files = (path for folder in FOLDERS for path in (root / folder).rglob(pattern))
    return {path.relative_to(root).with_suffix("").as_posix() for path in files if path.stem != "__init__"}


def mirrored() -> set[str]:
    return {name.replace("/test_", "/") for name in stems(TESTS, "test_*.py")}


def test_every_module_has_its_test_file():
    missing = stems(PACKAGE, "*.py") - mirrored() - TESTED_THROUGH.keys()
    missing = {path for path in missing if str(Path(path).parent) not in TESTED_THROUGH}
    assert not missing, "add the test file, or name the tests that cover the module"
    assert all((TESTS / f"{path}.py").is_file() for path in TESTED_THROUGH.values())


def test_what_is_tested_through_others_exists_and_has_no_test_file_of_its_own():
    for path in TESTED_THROUGH:
        assert (PACKAGE / f"{path}.py").is_file() or (PACKAGE / path).is_dir(), path
    assert not mirrored() & TESTED_THROUGH.keys()


def test_every_test_file_has_its_module():
    assert not mirrored() - stems(PACKAGE, "*.py") - ACROSS, "name a test file as its module"
