"""What commands print alike."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def printable(text: str) -> str:
    """A sender's text must not move the cursor or colour the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def counting_bar() -> Progress:
    """A progress bar of whole things, on standard error."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
