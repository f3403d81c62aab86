"""Timeline: everything that happened to an account, in order."""

from projections.timeline.project import TIMELINE
from projections.timeline.rows import TimelineRow, read_lines_of, read_timeline

__all__ = ["TIMELINE", "TimelineRow", "read_lines_of", "read_timeline"]
