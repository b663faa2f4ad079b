"""One page that says what a run is, what it does, and what SAFR changed."""

from safr_lens.reporting.build import build_report
from safr_lens.reporting.hub import push_to_hub
from safr_lens.reporting.runs import ReportedRun, load_run
from safr_lens.reporting.write import report

__all__ = ["ReportedRun", "build_report", "load_run", "push_to_hub", "report"]
