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

_is_key = re.compile(r"(sf[kt]_)[0-9A-Za-z_-]{8}[0-9A-Za-z_-]+")
"""An API key, or a stream token."""

_LEVELS = logging.getLevelNamesMapping()
_Line = MutableMapping[str, object]


def configure(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send the lines of this process to *stream*, as *settings* say."""
    for_people = stream.isatty() if settings.log_format == "auto" else settings.log_format != "json"
    level = _LEVELS[settings.log_level.upper()]
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = _without_keys(_for_people(stream) if for_people else _for_machines())
    structlog.configure(
        processors=[*before, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def _for_people(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        exception_formatter=structlog.dev.plain_traceback,  # the rich one prints locals
    )


def _for_machines() -> Processor:
    spell = structlog.processors.JSONRenderer(ensure_ascii=False)

    def render(logger: WrappedLogger, method: str, line: _Line) -> str | bytes:
        return spell(logger, method, structlog.processors.format_exc_info(logger, method, line))

    return render


def _without_keys(render: Processor) -> Processor:
    """Return *render* with every API key in what it writes made unreadable."""

    def blotted(logger: WrappedLogger, method: str, line: _Line) -> str:
        return _is_key.sub(r"\1…", str(render(logger, method, line)))

    return blotted
