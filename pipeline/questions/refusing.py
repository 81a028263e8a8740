"""What a masked snapshot is not asked: filters on what it hides, for the number that comes back would tell it."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.errors import QuestionError
from pipeline.event import FIELD
from pipeline.questions.filters import Filter
from pipeline.questions.personal import is_personal


def refuse_filters(filters: Iterable[Filter]) -> None:
    """Raise `QuestionError` (view.masked_field) when one is on a field that is hidden."""
    refuse_fields(filter.field for filter in filters)


def refuse_fields(fields: Iterable[str]) -> None:
    """The same for fields to count or to break down by. They are known ones."""
    for name in fields:
        if is_personal(name):
            label = FIELD[name].label if name in FIELD else name
            raise QuestionError(
                f"{label} is personal data, which is hidden from you, so nothing can be found or counted by it.",
                hint="Remove it here, or ask whoever runs this installation to let you see personal data.",
                code="view.masked_field",
            )
