"""Logging: one event per line on a stream, as JSON for machines or in colours for a terminal.

Everything of ours calls ``structlog.get_logger()`` and names an event with its ids as keys; what
libraries say through the standard library's logging, and warnings, come out in the same form. Which
events others may rely on is listed in `events`.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

QUIET_LIBRARIES: Final = {
    "uvicorn": logging.WARNING,
    "uvicorn.access": logging.INFO,
    "alembic": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "botocore": logging.WARNING,
    "asyncio": logging.WARNING,
}
"""What libraries have to say below these levels is of no use to who runs the server."""


class LineLogger:
    """Writes one line and never fails: a full disk or a closed pipe must not end a BGP session."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


class LineHandler(logging.Handler):
    """The standard library's records, rendered by structlog, to the same lines."""

    def __init__(self, lines: LineLogger, formatter: logging.Formatter) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.msg(self.format(record))


def configure(stream: TextIO, *, level: str, json: bool) -> None:
    """Send every log event of this process at `level` or above to `stream`."""
    lines = LineLogger(stream)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending = _json_ending() if json else _console_ending(colors=stream.isatty())
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
    )
    root = logging.getLogger()
    root.handlers[:] = [LineHandler(lines, formatter)]
    root.setLevel(LEVELS[level])
    for name, least in QUIET_LIBRARIES.items():
        logging.getLogger(name).setLevel(max(least, LEVELS[level]))
    logging.captureWarnings(capture=True)


def _json_ending() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str),
    ]


def _console_ending(*, colors: bool) -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _add_logger_name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["logger"] = record.name
    return event
