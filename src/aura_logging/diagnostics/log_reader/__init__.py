"""Read the log files that handlers wrote, with their rotated and compressed segments, as one stream of lines."""

from __future__ import annotations

from aura_logging.diagnostics.log_reader.lines import LogLine
from aura_logging.diagnostics.log_reader.log_files import LogFile, files_of
from aura_logging.diagnostics.log_reader.request import RequestLines, find_request
from aura_logging.diagnostics.log_reader.search import Problem, search
from aura_logging.diagnostics.log_reader.wanted import Condition, Wanted, parse_condition

__all__ = [
    "Condition",
    "LogFile",
    "LogLine",
    "Problem",
    "RequestLines",
    "Wanted",
    "files_of",
    "find_request",
    "parse_condition",
    "search",
]
