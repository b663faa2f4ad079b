"""The streaming benchmark runs from its command line on a few texts."""

from __future__ import annotations

import json

import pytest

from tests.analyses.test_smoke import corpus, run

__all__ = ["corpus"]


def test_streaming_prints_ratios_and_memory(corpus, tmp_path):
    out = tmp_path / "streaming.json"
    words = ("--data", corpus, "--limit", 200, "--compare", 20, "--repeats", 1)
    printed = run("streaming.py", *words, "--json", "--out", out)
    result = json.loads(printed)
    assert json.loads(out.read_text()) == result
    assert [(row["kind"], row["texts"]) for row in result["rows"]] == [
        ("stream", 20),
        ("plain", 20),
        ("one by one", 20),
        ("stream", 200),
    ]
    speed = {row["kind"]: row["tokens_per_second"] for row in result["rows"] if row["texts"] == 20}
    assert len({row["tokens"] for row in result["rows"] if row["texts"] == 20}) == 1
    assert result["times_plain"]["median"] == pytest.approx(speed["stream"] / speed["plain"])
    assert result["times_one_by_one"]["median"] == pytest.approx(speed["stream"] / speed["one by one"])
    assert result["rows"][-1]["tokens"] > 9 * result["rows"][0]["tokens"], "texts are repeated where there are too few"
    assert all(0 <= row["mib_beyond"] < 2000 for row in result["rows"])
