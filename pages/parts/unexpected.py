"""What nobody thought of: people are given an id, and the log has where it happened under the same id.

Never what the error said: that may quote an event, a query or a key, and a log has more readers than a page.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterator
from types import TracebackType

from pipeline.errors import ActivityError

log = logging.getLogger("activity.pages")

UNEXPLAINED = "lake.unexplained"  # DuckDB's own words, which may quote values and SQL


def noted(error: BaseException) -> str:
    """Write to the log where it happened; the answer is what to tell the reader."""
    identifier = secrets.token_hex(4)
    places = "".join(_places(each) for each in _chain(error))
    log.error("error %s:\n%s", identifier, places)
    return (
        f"Something went wrong here that nobody thought of. Whoever runs this installation finds it in the "
        f"dashboard’s log as error {identifier}."
    )


def said(error: Exception) -> str:
    """What to tell the reader of an error: its own words where they are ours, else what the log is to be asked for."""
    ours = isinstance(error, ActivityError) and error.code != UNEXPLAINED
    return str(error) if ours else noted(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _places(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}\n{_frames(error.__traceback__)}"


def _frames(trace: TracebackType | None) -> str:
    """File, line and function of each frame, and the line of our code: none of what it worked on."""
    return "".join(traceback.format_tb(trace))


def quieten() -> None:
    """Let what Streamlit and uvicorn write of an error that reaches them be its place, too."""
    for name in ("streamlit.error_util", "streamlit.runtime.scriptrunner.exec_code", "uvicorn.error"):
        logging.getLogger(name).addFilter(_Wordless())


class _Wordless(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            record.msg, record.args = "%s\n%s", (record.getMessage(), "".join(map(_places, _chain(record.exc_info[1]))))
            record.exc_info = None
        return True
