"""A folder, or one file, as a source."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from pipeline.errors import ActivityError, ObjectGone, SourceError, short_of
from pipeline.sources.inflate import inflate, packed_like
from pipeline.sources.layout import walk
from pipeline.sources.objects import ObjectRef, Sweep

# Files that are still being written, or that are a tool's and not data.
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", "~")
_HIDDEN = (".", "_")


class FolderSource:
    """Every file below a folder, however deep; or one file, which then is an object of the folder it lies in.

    Files whose names start with `.` or `_`, or end like a file still being written (`.tmp`, `.part`, …), are passed
    over, and so are folders whose names start so. Links are followed.
    """

    def __init__(self, uri: str) -> None:
        path = Path(unquote(urlsplit(uri).path) if uri.startswith("file://") else uri).expanduser().absolute()
        self._path = Path(os.path.normpath(path))

    @property
    def _root(self) -> Path:
        """The folder that keys are counted from, asked each time: a file may come to be after the source."""
        return self._path.parent if self._path.is_file() else self._path

    @property
    def uri(self) -> str:
        return _uri(self._root)

    def list(self, now: datetime, sweep: Sweep) -> Iterator[ObjectRef]:
        if self._path.is_file():
            yield _ref(self._root, str(self._path), self._path.stat())
        elif self._path.is_dir():
            yield from walk(self, f"{self._root.as_posix().rstrip('/')}/", now, sweep)
        else:
            raise SourceError(
                f"There is no folder or file {str(self._path)!r}.",
                hint="Check the path, and that its disk is mounted.",
                code="source.missing",
            )

    def children(self, folder: str, after: str = "") -> tuple[Sequence[str], Sequence[ObjectRef]]:
        """The folders and the objects directly in `folder` whose names are greater than `after`, by name."""
        root = self._root
        folders: list[str] = []
        objects: list[ObjectRef] = []
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda each: each.name):
                    if entry.name.startswith(_HIDDEN) or entry.name <= after:
                        continue
                    if entry.is_dir():
                        if not _leads_back(entry):
                            folders.append(f"{folder}{entry.name}/")
                    elif entry.is_file() and not entry.name.endswith(_UNFINISHED):
                        objects += _found(root, entry)
        except OSError as error:
            raise _unreadable(error) from None
        return folders, objects

    def everything(self, folder: str) -> Iterator[ObjectRef]:
        """All objects below `folder`."""
        folders, objects = self.children(folder)
        yield from objects
        for below in folders:
            yield from self.everything(below)

    def fetch(self, ref: ObjectRef, *, max_inflated: int) -> BinaryIO:
        _inside(ref)
        try:
            with open(self._root / ref.key, "rb") as file:
                _unchanged(ref, file)
                inflated = inflate(file, max_inflated=max_inflated)
                try:
                    _unchanged(ref, file)  # a file that grew meanwhile was read in part
                except ObjectGone:
                    inflated.close()
                    raise
        except FileNotFoundError:
            raise ObjectGone(f"The file {ref.key!r} was deleted after it was listed.") from None
        except OSError as error:
            raise _unreadable(error) from None
        return inflated

    def replace(self, ref: ObjectRef, text: BinaryIO) -> ObjectRef:
        path = self._root / ref.key
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            with open(path, "rb") as file:
                _unchanged(ref, file)
                head, stat = file.read(2), os.fstat(file.fileno())
            with packed_like(head, text) as packed, temporary.open("wb") as target:
                shutil.copyfileobj(packed, target)
                target.flush()
                os.fsync(target.fileno())
            # Events without a time of their own go by the file's; a microsecond more makes it another version.
            os.utime(temporary, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000))
            os.chmod(temporary, stat.st_mode & 0o7777)
            os.replace(temporary, path)
            return _ref(self._root, str(path), path.stat())
        except FileNotFoundError:
            raise ObjectGone(f"The file {ref.key!r} was deleted after it was listed.") from None
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise SourceError(
                f"{ref.key!r} cannot be written: {error.strerror}.",
                hint="Let the user that runs this write it.",
                code="source.unwritable",
            ) from None


def _uri(root: Path) -> str:
    return f"file://{root.as_posix()}"


def _found(root: Path, entry: os.DirEntry[str]) -> Sequence[ObjectRef]:
    try:
        return [_ref(root, entry.path, entry.stat())]
    except FileNotFoundError:  # deleted between two looks at its folder: there is nothing to list
        return []


def _ref(root: Path, path: str, stat: os.stat_result) -> ObjectRef:
    key = path.removeprefix(root.as_posix()).lstrip("/")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise SourceError(
            f"The name of the file {os.fsencode(path)!r} is not UTF-8.", hint="Rename it.", code="source.file_name"
        ) from None
    return ObjectRef(_uri(root), key, _etag(stat), stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _inside(ref: ObjectRef) -> None:
    """No listing gives another key, but a catalog that somebody has written to might."""
    if Path(ref.key).is_absolute() or ".." in Path(ref.key).parts:
        raise ObjectGone(f"The file {ref.key!r} lies outside of its source.")


def _unchanged(ref: ObjectRef, file: BinaryIO) -> None:
    if _etag(os.fstat(file.fileno())) != ref.etag:
        raise ObjectGone(f"The file {ref.key!r} changed after it was listed.")


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_size:x}-{stat.st_mtime_ns:x}"


def _leads_back(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is a link to one it lies in, which would be listed for ever."""
    return entry.is_symlink() and Path(entry.path).parent.resolve().is_relative_to(Path(entry.path).resolve())


def _unreadable(error: OSError) -> ActivityError:
    return short_of(error, "temporary files") or SourceError(
        f"{error.filename or 'The file'} cannot be read: {error.strerror}.",
        hint="Let the user that runs the pipeline read it.",
        code="source.unreadable",
    )
