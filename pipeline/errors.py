"""What can go wrong, in the reader's words.

    ActivityError                 anything this product says no to; `code` names the rule, `hint` how to mend it
    ├── SettingsError             the configuration; `problems` lists all of them together
    ├── QuestionError             a view, filter or query string that cannot be answered
    │   ├── UnknownField          … naming a field that does not exist; suggests the nearest
    │   └── UnknownOperator       … naming an operator the field does not take
    ├── SourceError               a folder or bucket that cannot be listed or read now; worth another try
    │   └── ObjectGone            … an object deleted or overwritten between list and read
    ├── ObjectRejected            an object that will never be readable as it is (broken gzip, too large)
    └── LakeError                 the lake cannot be opened, read or written
        ├── LakeBusy              … another writer holds it
        └── SnapshotGone          … the snapshot asked for has been removed

Foreign errors (botocore, DuckDB, zlib, pydantic) are translated to these once, at the edge that imports the
library. Failures of single lines are not errors but values: see `pipeline.sources.lines.Rejected`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from difflib import get_close_matches


class ActivityError(Exception):
    """Something said no. `str()` is a sentence for the reader, with the hint."""

    code = "error"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class SettingsError(ActivityError):
    """The configuration has problems; `problems` are (name, what is wrong, how to mend it)."""

    code = "settings.invalid"

    def __init__(self, problems: Iterable[tuple[str, str, str]]) -> None:
        self.problems = tuple(problems)
        lines = [f"  {name}: {what} {fix}".rstrip() for name, what, fix in self.problems]
        count = "One setting needs" if len(lines) == 1 else f"{len(lines)} settings need"
        super().__init__("\n".join([f"{count} attention:", *lines]))


class QuestionError(ActivityError):
    code = "question.invalid"


class UnknownField(QuestionError):
    code = "question.unknown_field"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"There is no field {name!r}.", hint=did_you_mean(name, known))


class UnknownOperator(QuestionError):
    code = "question.unknown_operator"

    def __init__(self, field: str, op: str, known: Iterable[str]) -> None:
        known = tuple(known)
        hint = did_you_mean(op, known) or f"It takes: {', '.join(known)}." if known else "It cannot be filtered."
        super().__init__(f"The field {field!r} does not take the operator {op!r}.", hint=hint)


class SourceError(ActivityError):
    code = "source.unavailable"


class ObjectGone(SourceError):
    code = "object.gone"


class ObjectRejected(ActivityError):
    code = "object.rejected"


class LakeError(ActivityError):
    code = "lake.error"


class LakeBusy(LakeError):
    code = "lake.busy"


class SnapshotGone(LakeError):
    code = "lake.snapshot_gone"


def short_of(error: OSError, where: str) -> ActivityError | None:
    """What this machine is short of, room on a disk or file handles, when that is what `error` says; a `SourceError`,
    as another try may help and the object that was being read is not to blame."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return SourceError(
            f"The disk is full: no room for {where}.", hint="Free some space; it is tried again.", code="disk.full"
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return SourceError(
            "This process has too many files open.",
            hint="Raise the limit (ulimit -n, systemd's LimitNOFILE); it is tried again.",
            code="files.too_many",
        )
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean 'country'?`, or nothing when nothing is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean {by_lower[near[0]]!r}?" if near else ""
