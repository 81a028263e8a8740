"""What commands that print events share."""

from __future__ import annotations


def printable(text: str) -> str:
    """A sender's text must not move the cursor or colour the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)
