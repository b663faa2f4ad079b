"""What a person sees: pages made of circuitsvis components."""

from safr_lens.views.report import ReportText, write_report
from safr_lens.views.sentence import SentenceView, sentence_view

__all__ = ["ReportText", "SentenceView", "sentence_view", "write_report"]
