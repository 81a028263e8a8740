"""Memory goes back to the system in a pause, and only then."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest
from streamlit import config

from pages.parts.idle import Pauses, give_back

# Many small pieces, and a last one after them that stays: what glibc by itself keeps, since it cannot cut its end off.
_KEPT = """
import ctypes, sys
import psutil, pyarrow
from pages.parts.idle import give_back
resident = lambda: psutil.Process().memory_info().rss
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
pieces = [libc.malloc(60_000) for _ in range(2_000)]
for piece in pieces:
    ctypes.memset(ctypes.c_void_p(piece), 1, 60_000)
for piece in pieces[:-1]:
    libc.free(piece)
before = resident()
give_back()
print(before - resident())
"""

# What is set as pyarrow is first looked for.
_SET = """
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "pyarrow":
            print(os.environ.get("MIMALLOC_ALLOW_THP"))
            sys.meta_path.remove(self)
sys.meta_path.insert(0, Finder())
import app
"""


def test_arrow_takes_no_huge_pages_for_small_pieces() -> None:
    said = subprocess.run([sys.executable, "-c", _SET], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["0"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has a way to give memory back")
def test_what_was_freed_goes_back_to_the_system() -> None:
    said = subprocess.run([sys.executable, "-c", _KEPT], capture_output=True, text=True, check=True)
    assert int(said.stdout) > 80_000_000


def test_what_only_holds_itself_is_let_go_of_in_a_pause_and_not_after_each_run() -> None:
    class Held:
        pass

    held = Held()
    held.itself = held  # type: ignore[attr-defined]
    gone = weakref.ref(held)
    gc.disable()
    try:
        del held
        assert gone() is not None
        give_back()
        assert gone() is None
    finally:
        gc.enable()
    assert config.get_option("runner.postScriptGC") is False


def test_a_pause_begins_once_after_work_and_not_amid_it() -> None:
    pauses = Pauses()
    looks = [0.1, 3.0, 6.0, 6.1, 6.2, 6.3, 9.0, 9.1]  # seconds of CPU, as they grow
    assert [pauses.begins(cpu) for cpu in looks] == [False, False, False, True, False, False, False, True]
