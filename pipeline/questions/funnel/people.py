"""The people behind a number of a funnel: a bar, a drop, or those who converted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import QuestionError
from pipeline.questions.functions import among
from pipeline.questions.funnel.answer import Answer
from pipeline.questions.funnel.considered import NEVER, Flags, Numbers
from pipeline.questions.people import CUSTOMER, latest_traits, persons
from pipeline.questions.snapshot import Snapshot

_SPELT = re.compile(r"(reached|dropped):([0-9]{1,2})|converted")
_TIME = pa.timestamp("us", tz="UTC")
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

    def holds(self, depth: Numbers) -> Flags:
        """Which depths are in the group."""
        flags: Flags = depth == self.step if self.kind == "dropped" else depth >= self.step
        return flags


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
    return named(snapshot, answer, behind(answer, group, of))


def behind(answer: Answer, group: Group, of: Of | None = None) -> Numbers:
    """Their places in `answer.came`, in the order of `people`."""
    chosen = group.holds(answer.came.depth)
    if of is not None:
        chosen &= _are_of(answer, of)
    places = np.flatnonzero(chosen)
    return places[np.argsort(answer.came.at[places], kind="stable")]


def named(snapshot: Snapshot, answer: Answer, places: Numbers) -> pa.Table:
    """The people at these places in `answer.came`, as `people` gives them."""
    person = persons(snapshot, answer.came.number[places])
    customer = pc.if_else(pc.starts_with(person, CUSTOMER), pc.utf8_slice_codeunits(person, len(CUSTOMER)), None)
    traits = _traits(snapshot, customer)
    row = pc.index_in(customer, traits["customer_id"].combine_chunks(), skip_nulls=True)
    times = answer.times(places)
    return pa.table(
        {
            "person": person,
            "customer_id": customer,
            "name": traits["name"].combine_chunks().take(row),
            "email": traits["email"].combine_chunks().take(row),
            **{
                f"at_{step + 1}": pa.array(times[:, step], pa.int64(), mask=times[:, step] == NEVER).cast(_TIME)
                for step in range(times.shape[1])
            },
        }
    )


def _are_of(answer: Answer, of: Of) -> Flags:
    values = set(of.but) if of.but is not None else {of.value}
    codes = [code for code, value in enumerate(answer.values) if value in values]
    flags: Flags = np.isin(answer.came.value, codes, invert=of.but is not None)
    return flags


def _traits(snapshot: Snapshot, customers: pa.Array) -> pa.Table:
    known = customers.drop_null().unique()
    traits = snapshot.traits
    if len(known) <= _FEW:
        traits = traits.filter(among(traits.customer_id, known.to_pylist()))
    return snapshot.fetch(latest_traits(traits))
