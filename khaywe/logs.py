"""Logging, configured once per process: JSON lines, or colours on a terminal."""

import logging
import sys
import traceback
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any, BinaryIO, TextIO

import msgspec
import structlog


def configure_logging(process: str) -> None:
    """
    Send structured logs to standard error.

    Args:
        process: Stands on every line: api, worker, serve, cli.
    """
    # Binding a logger anew for each line costs something where there is a line for each request; and one that is kept
    # would outlive its configuration, which on the command line, called from within Python, may be for one command.
    is_kept = process != "cli"
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stderr.isatty():
        structlog.configure(
            processors=[
                *shared,
                structlog.dev.ConsoleRenderer(exception_formatter=_plain),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=partial(_Lines, sys.stderr.buffer),
            cache_logger_on_first_use=is_kept,
        )
        return
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            # "event" means something else in this house.
            structlog.processors.EventRenamer("message"),
            lambda _logger, _method, line: msgspec.json.encode({"process": process, **line}, enc_hook=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=partial(_Lines, sys.stderr.buffer),
        cache_logger_on_first_use=is_kept,
    )


class _Lines:
    """
    Writes lines to a stream, and drops them where nobody reads any more.

    A log that cannot be written must not stop who writes it: the poster would leave its callers without an answer.
    """

    def __init__(self, stream: BinaryIO, *_: object) -> None:
        self._stream = stream
        self._lock = Lock()

    def msg(self, line: bytes | str) -> None:
        """Write a line."""
        spelled = line.encode() if isinstance(line, str) else line
        with self._lock, suppress(OSError, ValueError):
            self._stream.write(spelled + b"\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


class _Forward(logging.Handler):
    """Takes what libraries log, so that every line of the log has one form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        structlog.get_logger(record.name).log(record.levelno, "library_message", detail=record.getMessage())


def _plain(stream: TextIO, exc_info: Any) -> None:
    """Print a traceback without local variables: those hold cards and keys, and logs must not."""
    stream.write("\n")
    traceback.print_exception(*exc_info, file=stream)
