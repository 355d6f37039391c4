"""A comparison as something to read: figures, tables and sentences, written in one place."""

from maskbench.report.power import power_lines
from maskbench.report.render import ReportFiles, write_report
from maskbench.report.summary import answer_metrics, summary_markdown

__all__ = ["ReportFiles", "answer_metrics", "power_lines", "summary_markdown", "write_report"]
