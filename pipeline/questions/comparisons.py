"""Ibis' memory of which expressions are equal, mended: what is gone is forgotten whole.

`ibis.common.bases.Comparable` (Ibis 12) keeps each comparison under the ids of both sides, and forgets them in
`__del__`. When the garbage collector, or another session's thread, takes both sides at once, the second finds the first
one's entry gone, raises where nobody hears it, and leaves the rest of its own: an object that is made later at that
address would be told that it equals, or does not equal, what it was never compared with.
"""

from __future__ import annotations

from ibis.common.bases import Comparable


def _forget(self: Comparable) -> None:
    """Every comparison with `self`, whichever of the others are gone already."""
    seen = self.__cache__  # no name of this module: at Python's end these are gone before the last expressions
    mine = id(self)
    for other in list(seen.pop(mine, ())):
        theirs = seen.get(other)
        if theirs is not None:
            theirs.pop(mine, None)
            if not theirs and seen.get(other) is theirs:
                seen.pop(other, None)


def mend() -> None:
    """Let Ibis forget so, in this process, from now on."""
    setattr(Comparable, "__del__", _forget)  # noqa: B010 (a plain assignment is none that mypy knows)
