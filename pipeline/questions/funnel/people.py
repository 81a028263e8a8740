"""The people behind a number of a funnel: a bar, a drop, or those who converted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import QuestionError
from pipeline.questions.functions import among
from pipeline.questions.funnel.answer import Answer
from pipeline.questions.funnel.measure import all_journeys
from pipeline.questions.people import CUSTOMER, latest_traits
from pipeline.questions.snapshot import Snapshot

_SPELT = re.compile(r"(reached|dropped):([0-9]{1,2})|converted")
_FEW = 5_000  # customers to look up by name; of more, all names are read


@dataclass(frozen=True, slots=True)
class Group:
    """`reached:2`, `dropped:2` (reached step 2 but not 3) or `converted`."""

    kind: Literal["reached", "dropped", "converted"]
    step: int

    @classmethod
    def parse(cls, text: str, steps: int) -> Self:
        """Read a group of a funnel with so many steps. Raises `QuestionError`."""
        found = _SPELT.fullmatch(text)
        if found is None:
            raise QuestionError(
                f"There are no people called {text!r}.",
                hint="Write reached:2, dropped:2 or converted.",
                code="funnel.people",
            )
        if found[1] is None:
            return cls("converted", steps)
        step = int(found[2])
        kind: Literal["reached", "dropped"] = "reached" if found[1] == "reached" else "dropped"
        most = steps if kind == "reached" else steps - 1
        if not 1 <= step <= most:
            raise QuestionError(
                f"{text!r} names no step of this funnel.", hint=f"Its steps are 1 to {most}.", code="funnel.people"
            )
        return cls(kind, step)

    def holds(self, depth: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which depths are in the group."""
        return pc.equal(depth, self.step) if self.kind == "dropped" else pc.greater_equal(depth, self.step)


@dataclass(frozen=True, slots=True)
class Of:
    """The people of one part of the breakdown: those with this value, or with none of the values `but`."""

    value: str | None = None
    but: tuple[str | None, ...] | None = None


def people(snapshot: Snapshot, answer: Answer, group: Group | str, of: Of | None = None) -> pa.Table:
    """Exactly the people that `answer` counts in `group`, earliest entry first.

    `person`, `customer_id`, `name`, `email` and the time of each step, `at_1` … `at_n`, null beyond what they reached.
    """
    if isinstance(group, str):
        group = Group.parse(group, len(answer.funnel.steps))
    # Only the first step's people are more than those who travelled.
    found = all_journeys(snapshot, answer) if group.step == 1 else answer.travelled
    found = found.filter(group.holds(found["depth"]))
    if of is not None:
        found = found.filter(_is_of(found["breakdown"], of))
    found = found.sort_by([("at_1", "ascending"), ("person", "ascending")])
    customer = pc.if_else(
        pc.starts_with(found["person"], CUSTOMER), pc.utf8_slice_codeunits(found["person"], len(CUSTOMER)), None
    )
    times = [f"at_{step}" for step in range(1, len(answer.funnel.steps) + 1)]
    named = pa.table(
        {"person": found["person"], "customer_id": customer, "place": pa.array(range(len(found)), pa.int64())}
    )
    named = named.join(_names(snapshot, customer), "customer_id", join_type="left outer").sort_by("place")
    return pa.table(
        {
            **{name: named[name] for name in ("person", "customer_id", "name", "email")},
            **{name: found[name] for name in times},
        }
    )


def _is_of(values: pa.ChunkedArray, of: Of) -> pa.ChunkedArray:
    if of.but is not None:
        return pc.invert(pc.is_in(values, pa.array(of.but, pa.string())))
    return pc.is_in(values, pa.array([of.value], pa.string()))


def _names(snapshot: Snapshot, customers: pa.ChunkedArray) -> pa.Table:
    known = customers.drop_null().unique()
    traits = snapshot.traits
    if len(known) <= _FEW:
        traits = traits.filter(among(traits.customer_id, known.to_pylist()))
    return snapshot.fetch(latest_traits(traits))
