"""What a service writes to its log: when, how bad, where, and nothing that a customer said.

An exception is written as its type and the places in the code that it came through; its message stays out, since a
library puts there whatever it was handling, such as the row that a database refused.
"""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType
from typing import TextIO

_Exception = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class DiscreetFormatter(logging.Formatter):
    """Writes exceptions without their messages."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatException(self, ei: _Exception) -> str:
        kind, _, came_through = ei
        places = [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(came_through)]
        return "\n".join([f"{kind.__name__ if kind else 'no exception'}, through", *places])

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have written the message there
        return super().format(record)


def write_logs(*, requests: bool, to: TextIO | None = None) -> None:
    """Sends all logs of this process to stderr, warnings and worse; `requests` adds a line a request."""
    handler = logging.StreamHandler(to or sys.stderr)
    handler.setFormatter(DiscreetFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("endcloud.requests").setLevel(logging.INFO if requests else logging.WARNING)
