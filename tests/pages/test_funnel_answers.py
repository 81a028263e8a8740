"""Answers are asked once, kept, given up when nobody waits, and asked anew after a failure."""

from __future__ import annotations

import threading

import pytest

from pages.parts.funnels.answers import Kept, awaited

_PATIENCE = 20.0  # seconds


class Counted:
    """A question that says how often it was asked, and waits until it may answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = threading.Event()

    def __call__(self) -> int:
        self.asked += 1
        assert self.may_answer.wait(_PATIENCE)
        return self.asked


def test_two_readers_wait_for_one_answer() -> None:
    kept: Kept[int] = Kept(2)
    question = Counted()
    first, second = (kept.ask(("a",), question) for _ in range(2))
    question.may_answer.set()
    assert first.result(_PATIENCE) == second.result(_PATIENCE) == 1
    assert kept.ask(("a",), question).result(_PATIENCE) == 1


def test_only_the_last_answers_are_kept() -> None:
    kept: Kept[int] = Kept(2)
    question = Counted()
    question.may_answer.set()
    for key in ("a", "b", "c", "b", "a"):
        kept.ask((key,), question).result(_PATIENCE)
    assert question.asked == 4  # “a” went when “c” came


def test_a_failure_is_not_kept() -> None:
    kept: Kept[int] = Kept(2)

    def fails() -> int:
        raise RuntimeError("the disk was away")

    with pytest.raises(RuntimeError):
        awaited(lambda: kept.ask(("a",), fails), lambda: None)
    assert awaited(lambda: kept.ask(("a",), lambda: 7), lambda: None) == 7


def test_a_reader_who_goes_elsewhere_is_not_kept_waiting() -> None:
    """Streamlit ends a run by raising where the page is drawn; the answer goes on for whoever else waits."""
    kept: Kept[int] = Kept(2)
    question = Counted()

    class Elsewhere(BaseException):
        pass

    def leaves() -> None:
        raise Elsewhere

    with pytest.raises(Elsewhere):
        awaited(lambda: kept.ask(("a",), question), leaves)
    question.may_answer.set()
    assert awaited(lambda: kept.ask(("a",), question), lambda: None) >= 1


def test_what_was_given_up_before_it_began_is_never_asked() -> None:
    kept: Kept[int] = Kept(5)
    busy, never = Counted(), Counted()
    for key in ("a", "b"):  # both threads
        kept.ask((key,), busy)
    waiting = kept.ask(("c",), never)
    assert waiting.cancel()
    busy.may_answer.set()
    assert kept.ask(("c",), lambda: 3).result(_PATIENCE) == 3
    assert never.asked == 0
