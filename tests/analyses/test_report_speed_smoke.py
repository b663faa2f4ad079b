"""The speed of a page with 20 views, run from its command line."""

from __future__ import annotations

from tests.analyses.test_smoke import corpus, run

__all__ = ["corpus"]


def test_report_speed_prints_weight_and_times(corpus):
    printed = run("report_speed.py", "--data", corpus, "--repeats", 1)
    assert "a page with 20 views: " in printed
    assert "connections opened: 0" in printed
