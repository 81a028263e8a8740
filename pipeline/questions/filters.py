"""One condition of a view, and its spelling in a URL: `country is France|Spain`.

The rules are "A view" in docs/semantics.md. What cannot be understood is refused with a sentence and the nearest
thing that exists; it is never ignored, because a filter ignored shows more than the reader asked for.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from ipaddress import ip_network
from uuid import UUID

from pipeline.errors import QuestionError, UnknownField, UnknownOperator
from pipeline.event import FIELD, METADATA, NUMBER, WITHOUT_VALUE, Op, Type

PROPERTIES = "properties"

_BARE_NAME = re.compile(r'[^\s."\\|]+')
_QUOTED_NAME = re.compile(r'"((?:[^"\\]|\\["\\])*)"', re.DOTALL)
_PARTS = re.compile(
    r'(?P<field>properties\."(?:[^"\\]|\\["\\])*"|[^ ]+)(?: (?P<op>[^ ]+)(?: (?P<values>.*))?)?', re.DOTALL
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def metadata_key(field: str) -> str | None:
    """The top-level key that `properties.NAME` or `properties."my name"` reaches; None for any other field.

    Raises QuestionError when the name after `properties.` is not spelt as either.
    """
    head, dot, name = field.partition(".")
    if head != PROPERTIES or not dot:
        return None
    if _BARE_NAME.fullmatch(name):
        return name
    if quoted := _QUOTED_NAME.fullmatch(name):
        return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    raise QuestionError(
        f"The metadata name {name!r} cannot be read.",
        hint='Write properties.plan, or properties."my plan" for a name with a dot, a space or a quote.',
        code="filter.metadata_name",
    )


def metadata_field(key: str) -> str:
    """How a metadata key is named in a filter; `metadata_key` reads it back."""
    if _BARE_NAME.fullmatch(key):
        return f"{PROPERTIES}.{key}"
    return '{}."{}"'.format(PROPERTIES, re.sub(r'(["\\])', r"\\\1", key))


def known_field(field: str) -> str:
    """The field's canonical spelling. Raises UnknownField, suggesting the nearest."""
    key = metadata_key(field)
    if key is not None:
        return metadata_field(key)
    if field not in FIELD:
        raise UnknownField(field, FIELD)
    return field


def field_type(field: str) -> Type:
    """What a known field holds; one key of the metadata counts as text (numbers are read from it when asked)."""
    return "string" if metadata_key(field) is not None else FIELD[field].type


def operators(field: str) -> tuple[Op, ...]:
    """The operators a known field takes, in the order a menu shows them."""
    return METADATA if metadata_key(field) is not None else FIELD[field].ops


@dataclass(frozen=True, slots=True)
class Filter:
    """A field, an operator and its values, which OR together (a negative operator: none of them).

    Making one checks it, so a Filter that exists can be answered. Raises QuestionError, UnknownField or
    UnknownOperator. `Filter.parse(f.text()) == f`.
    """

    field: str
    op: Op
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", known_field(self.field))
        object.__setattr__(self, "op", _known_operator(self.field, self.op))
        object.__setattr__(self, "values", _checked(self))

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read `FIELD OP VALUE|VALUE…`; `\\|` and `\\\\` stand for `|` and `\\` within a value."""
        parts = _PARTS.fullmatch(text)
        if parts is None:
            raise _malformed(text)
        field = known_field(parts["field"])
        if parts["op"] is None:
            raise _malformed(text)
        values = parts["values"]
        return cls(field, Op(_known_operator(field, parts["op"])), () if values is None else _split(values))

    def text(self) -> str:
        """The filter as it stands in a URL, before percent-encoding."""
        if self.op in WITHOUT_VALUE:
            return f"{self.field} {self.op.value}"
        values = "|".join(re.sub(r"([|\\])", r"\\\1", value) for value in self.values)
        return f"{self.field} {self.op.value} {values}"


def _known_operator(field: str, op: str) -> Op:
    takes = operators(field)
    if op in takes:
        return Op(op)
    if not takes:
        instead = {
            "json": "Name one key of it: properties.NAME.",
            "timestamp": "Choose the time with range, or from and to.",
        }.get(field_type(field), "")
        raise QuestionError(f"The field {field!r} cannot be filtered.", hint=instead, code="filter.not_filterable")
    raise UnknownOperator(field, str(op), [known.value for known in takes])


def _checked(filter: Filter) -> tuple[str, ...]:
    """The values, each fit for the operator and in its canonical spelling."""
    if filter.op in WITHOUT_VALUE:
        if filter.values:
            raise QuestionError(f"{filter.op.value!r} takes no value.", code="filter.value_unexpected")
        return ()
    if not filter.values or "" in filter.values:
        raise QuestionError(
            f"The filter on {filter.field!r} has no value, or an empty one.",
            hint="To find rows where it is empty, use is_not_set.",
            code="filter.value_missing",
        )
    if any("\x00" in value or _lone_surrogate(value) for value in filter.values):
        raise QuestionError(f"A value of {filter.field!r} holds a character no text has.", code="filter.value_not_text")
    if filter.op in NUMBER:
        return tuple(_number(value) for value in filter.values)
    if filter.op is Op.IN_NETWORK:
        return tuple(_network(value) for value in filter.values)
    if field_type(filter.field) == "uuid":
        return tuple(_uuid(value) for value in filter.values)
    return tuple(filter.values)


def _lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _number(value: str) -> str:
    if not _NUMBER.fullmatch(value) or not math.isfinite(float(value)):
        raise QuestionError(f"{value!r} is not a number.", hint="Write it like 12, -3 or 9.99.", code="filter.number")
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        raise QuestionError(
            f"{value!r} is not a network.",
            hint="Write it like 198.51.100.0/24 or 2001:db8::/32.",
            code="filter.network",
        ) from None


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise QuestionError(f"{value!r} is not an event id.", hint="It is a UUID.", code="filter.event_id") from None


def _split(text: str) -> tuple[str, ...]:
    """The values of `a|b\\|c`, unescaped."""
    values: list[str] = []
    current = ""
    escaped = False
    for character in text:
        if escaped:
            if character not in "|\\":
                raise _lonely_backslash(text)
            current, escaped = current + character, False
        elif character == "\\":
            escaped = True
        elif character == "|":
            values.append(current)
            current = ""
        else:
            current += character
    if escaped:
        raise _lonely_backslash(text)
    return (*values, current)


def _lonely_backslash(text: str) -> QuestionError:
    return QuestionError(
        f"A backslash in {text!r} stands alone.",
        hint=r"Write \\ for a backslash and \| for a bar.",
        code="filter.escape",
    )


def _malformed(text: str) -> QuestionError:
    return QuestionError(
        f"The filter {text!r} cannot be read.",
        hint="Write FIELD OPERATOR VALUE, like: country is France|Spain",
        code="filter.malformed",
    )
