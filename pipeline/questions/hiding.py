"""Texts with what is personal in them hidden, as expressions that the engine evaluates; null stays null.

Nothing is hashed but ids, and those under a secret: whoever has the hash of an address has the address, as there are
only four thousand million of them.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from pipeline.questions import personal
from pipeline.questions.functions import canonical_json, sha256
from pipeline.questions.personal import MASK

_PSEUDONYM = 16  # hexadecimal digits of a hash
_NOTHING_KEPT = f'{{"{MASK}":"{MASK}"}}'


def covered(value: ir.Value) -> ir.Value:
    """The mask where there is a value, null where it is empty."""
    if value.type().is_binary():
        return ibis.cases((value.notnull(), ibis.literal(MASK.encode(), "binary")))
    return ibis.cases((value.nullif("").notnull(), MASK))


def hidden(text: ir.StringValue) -> ir.StringValue:
    """Running text without emails, IP addresses, parameters' values, and queries and fragments of URLs."""
    found = text.re_search(personal.TELLING) | text.contains("://")
    return ibis.cases((found, _hidden(text)), else_=text)


def hidden_url(url: ir.StringValue) -> ir.StringValue:
    """A URL, whole or a path, without user, fragment and parameters' values, but those of campaigns."""
    head = url.re_extract(personal.HEAD, 0).re_replace(personal.USER_INFO, r"\1//")
    head = head.re_replace(personal.OPAQUE, rf"\1{MASK}").re_replace(personal.TELLING, MASK)
    parameters = url.re_extract(personal.QUERY, 1).re_split("[&;]").map(_hidden_parameter)
    fragment = url.re_extract(personal.FRAGMENT, 0).re_replace(personal.FRAGMENT, f"#{MASK}")
    plain = url.re_search(personal.PLAIN_URL) & ~url.re_search(personal.IPV4)
    return ibis.cases((plain, url), else_=head + parameters.join("&") + fragment)


def hidden_json(document: ir.StringValue) -> ir.StringValue:
    """A JSON document, still one, without the values of personal keys at any depth and what `hidden` hides in texts."""
    kept = canonical_json(document)
    kept = kept.re_replace(personal.WITHIN_TEXT, f'"{MASK}"').re_replace(personal.KEYED, rf'\1"{MASK}"')
    kept = _hidden(kept.re_replace(personal.KEYED_DEEPER, _NOTHING_KEPT))
    # A sender who aims at it may get half of an escape hidden. A question must not fail for that.
    nothing = ibis.cases((document.notnull(), _NOTHING_KEPT))
    return ibis.coalesce(kept.try_cast("json").cast("string"), nothing)


def pseudonym(identifier: ir.StringValue, secret: str) -> ir.StringValue:
    """The id itself; where it is, or holds, an email or an IP address, a name for it that only `secret` leads to."""
    hashed = ibis.literal(MASK) + sha256(ibis.literal(secret) + identifier).left(_PSEUDONYM)
    return ibis.cases((identifier.re_search(personal.IDENTIFYING), hashed), else_=identifier)


def _hidden(text: ir.StringValue) -> ir.StringValue:
    return text.re_replace(personal.BEHIND_URL, rf"\1{MASK}").re_replace(personal.TELLING, MASK)


def _hidden_parameter(parameter: ir.StringValue) -> ir.StringValue:
    """A campaign's as it is, of another its name, of what has no plain name nothing."""
    campaign = parameter.re_search(personal.CAMPAIGN_PARAMETER) & ~parameter.re_search(personal.IDENTIFYING)
    named = parameter.re_search(personal.PARAMETER)
    return ibis.cases(
        (campaign, parameter),
        (named, parameter.re_replace(personal.PARAMETER, rf"\1{MASK}")),
        else_=parameter.re_replace(personal.NAMELESS, rf"\1{MASK}"),
    )
