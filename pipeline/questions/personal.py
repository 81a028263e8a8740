r"""What personal data looks like: the patterns that masking looks for, the same in Python and in the engine (RE2).

They err towards hiding. An email is whatever surrounds an at sign, percent-encoded, as HTML or full-width, too; so is
a text in which letters, digits or dots are percent-encoded, which no browser does and which would hide one. What
follows `=` is a parameter's value. A name in running text cannot be told from any other word.

All hold for plain text and for the inside of a JSON string alike: an escape such as `\n` is taken whole, so that JSON
stays JSON.
"""

from __future__ import annotations

import re

from pipeline.event import FIELD
from pipeline.questions.filters import metadata_key

MASK = "•••"

_ESCAPE = r"\\u[0-9a-f]{4}|\\[^u]"
_AT = (
    r"[@＠﹫]|&#(?:0*64|x0*40)\b|&commat;"
    r"|%(?:25)*(?:40|2[de]|3[0-9d]|[46][1-9a-f]|[57][0-9a]|5f|7e|ef%(?:25)*bc%(?:25)*a0)"
)
_WORD = rf'(?:{_ESCAPE}|[^\s/<>"\\=])*'
_EMAIL = rf"{_WORD}(?:{_AT}){_WORD}"
_VALUE = rf'(?:{_ESCAPE}|[^\s/<>"\\=?&#;])*=(?:{_ESCAPE}|[^"\\])*'
_COLON = r"(?::|%(?:25)*3a)"
_HEX = "[0-9a-f]{0,4}"
_IPV6 = rf"{_HEX}(?:(?:{_COLON}{_HEX}){{3,}}|{_COLON}{_COLON}{_HEX})(?:\.[0-9]+)*"
IPV4 = r"[0-9]+(?:\.[0-9]+){3,}"
_ADDRESS = rf"(?:{_ESCAPE})*(?:{_IPV6}|{IPV4})"

IDENTIFYING = rf"(?i)(?:{_EMAIL}|{_ADDRESS})"  # an email or an IP address
TELLING = rf"(?i)(?:{_VALUE}|{_EMAIL}|{_ADDRESS})"  # … or a parameter's value
BEHIND_URL = rf'(?i)(://(?:{_ESCAPE}|[^\s"\\?#])*[?#])(?:{_ESCAPE}|[^"\\])*'  # query and fragment, in other text

HEAD, QUERY, FRAGMENT = "^[^?#]*", r"^[^?#]*(\?[^#]*)", "(?s)#.*"
USER_INFO = r"(?i)^([a-z][a-z0-9+.-]*:)?//[^/\s]*@"
OPAQUE = r"(?is)^([a-z][a-z0-9+.-]*:)[^/].*$"  # tel:, mailto:, data:, which have no host
CAMPAIGN = "|".join(name for name in FIELD if name.startswith("utm_"))
# A value with `&`, `=`, `?` or `#` written as `%26` and so on may be parameters of its own.
CAMPAIGN_PARAMETER = rf"(?i)^\??(?:{CAMPAIGN})=(?:[^%=?#]|%(?:20|2b|7c|3a|[89a-f][0-9a-f]))*$"
# Most are such, and are told in a tenth of the time: nothing in them means anything, and only campaigns are asked for.
_HARMLESS = "%(?:20|2b|7c|[89a-df][0-9a-f]|e[0-9a-e])"
_CAMPAIGN = rf"(?:{CAMPAIGN})=(?:[^%=?#&;@＠﹫:]|{_HARMLESS})*"
PLAIN_URL = (
    r"(?i)^(?:https?:/)?/"
    rf'(?:[^?#@=%:;&\\\s＠﹫<>"]|{_HARMLESS})*(?:\?{_CAMPAIGN}(?:&{_CAMPAIGN})*)?$'
)
PARAMETER = r"(?s)^(\??[A-Za-z0-9_.\[\]-]{1,40}=).*$"
NAMELESS = r"(?s)^(\??).+$"

_ANY = rf'(?:{_ESCAPE}|[^"\\])*'
_SEPARATOR = "[ _.-]?"
_OF_PEOPLE = (
    "first|last|full|given|family|middle|maiden|sur|fore|nick|user|display|real|legal|screen|preferred|customer"
    "|contact|billing|shipping|delivery|account|person|profile|member|subscriber|reader|recipient|sender|owner"
    "|holder|donor|guest|visitor|employee|patient|student|parent|child|spouse|partner|friend|buyer|client"
)
_WHEREVER = "|".join(
    part.replace("_", _SEPARATOR)
    for part in (
        *("e_mail", "phone", "mobile_n", "whats_app", "msisdn", "address", "addr", "street", "postal", "post_code"),
        *("zip_code", "birth", "passport", "password", "passwd", "secret", "token", "iban", "tax_id", "latitude"),
        *("longitude", "social_security", "card_number", "licen[cs]e_plate"),
    )
)
_WHOLE = "ip|tel|mobile|cell|fax|mail|dob|ssn|zip|login|handle|lat|lng|lon|gps|coordinates?"
_CAPITAL = "Ip|IP|Tel|Mobile|Fax|Mail|Dob|DOB|Zip|Login|Handle|Lat|Lng|Lon"
_KEY = (
    rf"(?:(?:{_ANY}(?:{_OF_PEOPLE}))?{_SEPARATOR}name|{_ANY}(?:{_WHEREVER}){_ANY}"
    rf"|(?:{_ANY}[ _.-])?(?:{_WHOLE})|(?-i:{_ANY}[a-z0-9](?:{_CAPITAL})))s?[0-9]*"
)

_STRING = rf'"{_ANY}"'
_FLAT = rf'(?:{_STRING}|[^"\[\]{{}}])'
_NESTED = rf"[\[{{]{_FLAT}*[\]}}]"
for _ in range(2):
    _NESTED = rf"[\[{{](?:{_FLAT}|{_NESTED})*[\]}}]"

# On JSON without white space between its tokens, as the lake and the engine write it.
KEYED = rf'(?i)("{_KEY}":)(?:"(?:{_ESCAPE}|[^"\\])+"|-?[0-9][0-9.e+-]*|true|false|{_NESTED})'
KEYED_DEEPER = rf'(?i)^.*"{_KEY}":[\[{{].*$'  # nested deeper than what `KEYED` can find the end of
WITHIN_TEXT = rf'(?i)"{_ANY}\\":{_ANY}"'  # JSON inside a JSON string

_PERSONAL_KEY = re.compile(rf"(?i:{_KEY})")


def is_personal(field: str) -> bool:
    """Whether a known field, or the metadata key that it names, holds personal data by its declaration or its name."""
    key = metadata_key(field)
    return FIELD[field].pii if key is None else _PERSONAL_KEY.fullmatch(key) is not None
