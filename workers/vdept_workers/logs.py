"""Logging of the processes: one line an event on standard error, JSON when asked for, never a secret."""

import logging
import sys

import structlog

from vdept.kernel.settings import Settings
from vdept_workers import redaction

QUIET = ("alembic", "arq", "asyncio", "httpx", "sqlalchemy", "uvicorn.access")
"""Libraries whose everyday news is not ours: only their warnings are shown."""


SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
OURS = [*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
"""What an event of ours goes through before it is handed to logging."""


def formatter(*, as_json: bool) -> logging.Formatter:
    """How events are written: ours and those of libraries alike.

    A traceback is made text before secrets are taken out, and shows no local variables: they hold some, too.
    """
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redaction.processor,
            renderer,
        ],
    )


def configure(settings: Settings) -> None:
    """Our own events (structlog) and those of libraries (logging) in one form."""
    structlog.configure(
        processors=OURS, logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=True
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(as_json=settings.log_json))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
