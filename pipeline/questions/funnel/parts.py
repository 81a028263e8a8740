"""The parts of a breakdown as people."""

from __future__ import annotations

from pipeline.questions.funnel.answer import Answer
from pipeline.questions.funnel.people import Of


def rest(answer: Answer) -> Of:
    """Everybody whose value has no row of its own: those whom *Other* counts."""
    return Of(but=tuple(part.value for part in answer.breakdown if not part.other))
