"""What an event is: the one declaration from which everything else derives.

The lake's table, the filters, the inspector, the CSV header and the reference page all read `FIELDS`; adding a
filter is adding a row here. The meaning of each field is fixed in the rules this product follows ("An event" in
docs/semantics.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import pyarrow as pa

Type = Literal["string", "uuid", "timestamp", "integer", "json"]
Group = Literal["what", "when", "who", "geo", "device", "page", "identity", "rest"]


class Op(StrEnum):
    """A filter's operator, spelt as in a URL."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    IS_SET = "is_set"
    IS_NOT_SET = "is_not_set"
    IN_NETWORK = "in_network"
    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


NEGATIVE = frozenset({Op.IS_NOT, Op.NOT_CONTAINS, Op.NE})
WITHOUT_VALUE = frozenset({Op.IS_SET, Op.IS_NOT_SET})

TEXT = (Op.IS, Op.IS_NOT, Op.CONTAINS, Op.NOT_CONTAINS, Op.STARTS_WITH, Op.IS_SET, Op.IS_NOT_SET)
EXACT = (Op.IS, Op.IS_NOT, Op.IS_SET, Op.IS_NOT_SET)
ADDRESS = (*TEXT, Op.IN_NETWORK)
NUMBER = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)
METADATA = (*TEXT, *NUMBER)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event.

    `ops` are the filter operators it takes; `stored` is false for what a question joins in or derives when it is
    asked (traits change after the event; a visitor becomes a customer); `pii` marks personal data.
    """

    name: str
    type: Type
    label: str
    group: Group
    ops: tuple[Op, ...] = ()
    pii: bool = False
    stored: bool = True
    help: str = ""


FIELDS: tuple[Field, ...] = (
    Field("event", "string", "Event", "what", TEXT, help="What happened: Page Viewed, Modal Displayed, …"),
    Field("modal", "string", "Modal", "what", TEXT, help="meter, newsletter, register, subscribe, success, …"),
    Field("type", "string", "Type", "what", EXACT, help="The call: page, track, identify, screen, group, alias"),
    Field("occurred_at", "timestamp", "Time", "when", help="The client's time, corrected for its clock"),
    Field("received_at", "timestamp", "Received", "when", help="When the collector took it"),
    Field("ingested_at", "timestamp", "Ingested", "when", help="When it entered the lake"),
    Field("customer_id", "string", "Customer ID", "who", TEXT, help="The user id, exactly as sent"),
    Field("anonymous_id", "string", "Anonymous ID", "who", TEXT, help="The visitor's id, exactly as sent"),
    Field("person", "string", "Person", "who", TEXT, stored=False, help="One person before and after registering"),
    Field("name", "string", "Name", "who", TEXT, pii=True, stored=False, help="The customer's latest name"),
    Field("email", "string", "Email", "who", TEXT, pii=True, stored=False, help="The customer's latest email"),
    Field("ip", "string", "IP", "who", ADDRESS, pii=True, help="The address the event came from"),
    Field("country", "string", "Country", "geo", TEXT, help="English name, from the IP"),
    Field("country_code", "string", "Country code", "geo", TEXT, help="ISO 3166-1 alpha-2, from the IP"),
    Field("region", "string", "Region", "geo", TEXT, help="From the IP"),
    Field("city", "string", "City", "geo", TEXT, help="From the IP"),
    Field("timezone", "string", "Timezone", "geo", TEXT, help="IANA name, from the IP"),
    Field("device", "string", "Device", "device", EXACT, help="Desktop, Mobile, Tablet, Bot or Other"),
    Field("browser", "string", "Browser", "device", TEXT, help="Browser family"),
    Field("os", "string", "OS", "device", TEXT, help="Operating system family"),
    Field("url", "string", "URL", "page", TEXT, help="The page's whole address"),
    Field("path", "string", "Path", "page", TEXT, help="The page's path, never empty"),
    Field("domain", "string", "Domain", "page", TEXT, help="The page's host, lower case"),
    Field("referrer", "string", "Referrer", "page", TEXT, help="The page before, as sent"),
    Field("referrer_domain", "string", "Referrer domain", "page", TEXT, help="The referrer's host, lower case"),
    Field("title", "string", "Title", "page", TEXT, help="The page's title"),
    Field("utm_source", "string", "UTM source", "page", TEXT, help="Campaign source"),
    Field("utm_medium", "string", "UTM medium", "page", TEXT, help="Campaign medium"),
    Field("utm_campaign", "string", "UTM campaign", "page", TEXT, help="Campaign name"),
    Field("utm_term", "string", "UTM term", "page", TEXT, help="Campaign term"),
    Field("utm_content", "string", "UTM content", "page", TEXT, help="Campaign content"),
    Field(
        "event_id", "uuid", "Event ID", "identity", (Op.IS, Op.IS_NOT), help="Unique: hashed from source and message id"
    ),
    Field("message_id", "string", "Message ID", "identity", TEXT, help="As the client sent it"),
    Field("source", "string", "Source", "identity", TEXT, help="The site or archive it came from"),
    Field("properties", "json", "Metadata", "rest", help="Everything else the event carried"),
    Field("object_key", "string", "Object", "rest", TEXT, help="The object it was read from"),
    Field("line", "integer", "Line", "rest", NUMBER, help="Its line in that object"),
)

FIELD: dict[str, Field] = {field.name: field for field in FIELDS}
STORED: tuple[Field, ...] = tuple(field for field in FIELDS if field.stored)

_ARROW: dict[Type, pa.DataType] = {
    "string": pa.string(),
    "uuid": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "integer": pa.int64(),
    "json": pa.string(),
}

# What a batch of parsed and enriched lines looks like before it is committed. `ingested_at` and `object_key` are
# stamped by the commit, which alone knows them.
EVENT_SCHEMA = pa.schema([pa.field(field.name, _ARROW[field.type]) for field in STORED])

# What parsing hands to enrichment beside the fields themselves; none of it is stored as it is.
HINT_SCHEMA = pa.schema(
    [
        pa.field("object", pa.int32()),  # which of the batch's objects the line came from
        pa.field("user_agent", pa.string()),  # the User-Agent header
        pa.field("client_hints", pa.string()),  # context.userAgentData as JSON
        pa.field("modal_name", pa.string()),  # the modal's name as sent
        pa.field("trait_name", pa.string()),  # the customer's name, where this event tells it
        pa.field("trait_email", pa.string()),  # the customer's email, where this event tells it
        pa.field("linked_anonymous_id", pa.string()),  # the visitor this event links to customer_id
    ]
)
PARSED_SCHEMA = pa.schema([*EVENT_SCHEMA, *HINT_SCHEMA])
