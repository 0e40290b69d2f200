"""Logs: one line per thing that happened, JSON for machines or coloured for people.

No line holds a body or a key: bodies are never passed, and whatever looks like a key is blotted
out on its way, wherever it stands.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import TextIO

import structlog
from structlog.typing import Processor, WrappedLogger

from service.settings import Settings

_is_key = re.compile(r"sfk_[0-9A-Za-z]{8}_[0-9A-Za-z]+")
_LEVELS = logging.getLevelNamesMapping()
_Line = MutableMapping[str, object]


def configure(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send the lines of this process to *stream*, as *settings* say."""
    colours = stream.isatty() if settings.log_format == "auto" else settings.log_format != "json"
    level = _LEVELS[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        blot_keys,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the rich one prints locals
        )
        if colours
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    tracebacks: list[Processor] = [] if colours else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, *tracebacks, blot_keys, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *tracebacks,
                blot_keys,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def blot_keys(_logger: WrappedLogger, _method: str, line: _Line) -> _Line:
    """Return *line* with every API key in it made unreadable."""
    for name, value in line.items():
        if isinstance(value, str) and "sfk_" in value:
            line[name] = _is_key.sub("sfk_…", value)
    return line
