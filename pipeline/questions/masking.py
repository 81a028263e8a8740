"""The lake without personal data, for whoever may not see it ("Masking" in docs/semantics.md).

The tables themselves are masked, so that whatever is asked of them is: no question has to think of it, and one that is
added later cannot forget it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from hashlib import blake2b

import ibis
import ibis.expr.types as ir

from pipeline.event import FIELD, FIELDS
from pipeline.lake.snapshot import Snapshot
from pipeline.questions.funnel.spec import Funnel
from pipeline.questions.hiding import covered, hidden, hidden_json, hidden_url, pseudonym
from pipeline.questions.people import CUSTOMER, VISITOR
from pipeline.questions.personal import is_personal
from pipeline.questions.ranges import Bounds
from pipeline.questions.refusing import refuse_fields, refuse_filters
from pipeline.questions.view import View

_IDS = frozenset({"customer_id", "anonymous_id", "message_id"})
_URLS = frozenset({"url", "referrer", "path"})
# Found out by ourselves, or one of a few words: nothing of a sender's is in them.
_OURS = frozenset({"type", *(each.name for each in FIELDS if each.group in ("geo", "device"))})


@dataclass(frozen=True)
class Masked(Snapshot):
    """A snapshot in which personal data is hidden, in every table; everything else is as it was."""

    secret: str = field(repr=False)

    @property
    def masked(self) -> bool:
        return True

    @property
    def hiding(self) -> str:
        return self.secret

    def table(self, name: str, only: Collection[str] | None = None, along: Collection[str] = ()) -> ir.Table:
        """A table of the lake; its texts are hidden unless known to hold nothing personal. Nothing comes along that is
        not named, and so hidden."""
        table = super().table(name, None if only is None else {*only, *along})
        return table.select(**{column: self._column(table, column) for column in table.columns})

    def for_look_ups(
        self, order: str, only: Collection[str], within: Bounds | None = None, along: Collection[str] = ()
    ) -> ir.Table:
        """Those by time: whom hidden ids stand for, no order of the rows can tell."""
        return self.table("events", only, along)

    def _column(self, table: ir.Table, name: str) -> ir.Value:
        column = table[name]
        if name == "ip_number":  # whoever had it could try addresses
            return ibis.null(column.type())
        if column.type().is_binary() or (name in FIELD and FIELD[name].pii):
            return covered(column)
        if name in _OURS or not column.type().is_string():
            return column
        if name in _IDS:
            return pseudonym(column, self.secret)
        if name == "person":
            return column.left(len(CUSTOMER)) + pseudonym(column.substr(len(CUSTOMER)), self.secret)
        if name in _URLS:
            return hidden_url(column)
        return hidden_json(column) if name == "properties" else hidden(column)


assert len(CUSTOMER) == len(VISITOR)


def masked(snapshot: Snapshot, secret: bytes) -> Masked:
    """The same snapshot without personal data.

    An id that is an email or an IP address gets a name of its own, the same as long as `secret` (32 to 64 bytes that
    stay within the installation) is: whoever had it could try emails.
    """
    if isinstance(snapshot, Masked):
        return snapshot
    own = blake2b(key=secret, person=b"pseudonyms", digest_size=16).hexdigest()
    return Masked(**{each.name: getattr(snapshot, each.name) for each in fields(snapshot)}, secret=own)


def refuse_masked(view: View) -> None:
    """Raise `QuestionError` (view.masked_field) for a view that filters on what a masked snapshot hides."""
    refuse_filters(view.filters)


def refuse_masked_funnel(funnel: Funnel) -> None:
    """The same for a funnel: its view, the filters of its steps and exclusions, and its breakdown."""
    steps = (*funnel.steps, *(exclusion.step for exclusion in funnel.exclusions))
    refuse_filters((*funnel.view.filters, *(filter for step in steps for filter in step.filters)))
    if funnel.breakdown is not None:
        refuse_fields([funnel.breakdown])


def unmasked(fields: Iterable[str]) -> tuple[str, ...]:
    """Those of the fields that a masked snapshot does not hide: what to offer for filters, facets and breakdowns."""
    return tuple(each for each in fields if not is_personal(each))
