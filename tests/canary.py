"""One customer whose personal data lies everywhere a sender can put it, and a way to find it in any answer."""

from __future__ import annotations

import html
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pipeline.lake import Entry, Lake
from pipeline.sources import Rejected
from tests.support import NOW, add_events, make_settings

NAME = "Zoraida Quillfeather"
EMAIL = "zoraida.q+news@canary-bird.example"
IPV4, IPV6 = "203.0.113.77", "2001:db8:cafe::77"
PHONE = "+33 6 98 76 54 32"
SIGNS = ("zoraida", "quillfeather", "canary-bird", IPV4, "2001:db8:cafe", "98 76 54 32", "33698765432")
SECRET = b"a secret that stays here"

ENCODED = quote(EMAIL, safe="")
EVERY_LETTER = "".join(f"%{byte:02X}" for byte in EMAIL.encode())
TWICE = quote(ENCODED)

_TEXTS: dict[str, dict[str, Any]] = {
    "email in a title": {"title": f"Welcome, {EMAIL}!"},
    "upper case": {"title": f"WELCOME <{EMAIL.upper()}>"},
    "html": {"title": EMAIL.replace("@", "&#64;")},
    "ip in a title": {"title": f"You come from {IPV4} or [{IPV6.upper()}]"},
    "url in a title": {"title": f"https://www.example.com/a?{quote(NAME)}"},
    "fragment in a title": {"title": f"See https://www.example.com/b#{quote(NAME)}"},
    "parameter in a title": {"title": f"name={NAME}"},
    "event": {"event": f"Mailed {EMAIL}"},
    "event from": {"event": f"Seen {IPV4}", "modal": f"hello {ENCODED}"},
    "campaign": {"utm_source": EMAIL, "utm_medium": ENCODED, "utm_campaign": IPV4, "utm_content": f"a&name={NAME}"},
    "term": {"utm_term": EVERY_LETTER},
    "host": {"domain": IPV4, "referrer_domain": f"[{IPV6}]", "url": f"http://{IPV4}/", "referrer": f"http://[{IPV6}]/"},
    "message": {"message_id": f"m-{EMAIL}"},
}
_URLS = {
    "query": f"https://www.example.com/a?name={quote(NAME)}&utm_source=news&email={ENCODED}",
    "query of one": f"https://www.example.com/a?{quote(NAME)}",
    "query after": f"https://www.example.com/a?utm_source=news;name={quote(NAME)}",
    "query inside": f"https://www.example.com/a?utm_source=news%26name%3D{quote(NAME)}",
    "query of another": f"https://www.example.com/a?utm_name={quote(NAME)}",
    "query of ip": f"https://www.example.com/a?utm_source={IPV4}",
    "fragment": f"https://www.example.com/a#{quote(NAME)}",
    "lines": f"https://www.example.com/a?name=x\n{NAME}#y\n{NAME}",
    "nameless lines": f"https://www.example.com/a?x\n{NAME}",
    "user": f"https://{quote(NAME)}:secret@www.example.com/",
    "path": f"https://www.example.com/users/{ENCODED}/x",
    "path twice": f"https://www.example.com/users/{TWICE}/x",
    "path of letters": f"https://www.example.com/users/{EVERY_LETTER}/x",
    "path of upper case": f"https://www.example.com/USERS/{EMAIL.upper()}",
    "path of ip": f"https://www.example.com/from/{IPV4}/{quote(IPV6, safe='')}",
    "matrix": f"https://www.example.com/a;name={quote(NAME)}",
    "telephone": f"tel:{PHONE}",
    "telephone lines": f"tel:1\n{PHONE}",
    "mail": f"mailto:{EMAIL}?subject={quote(NAME)}",
}
_PROPERTIES: dict[str, dict[str, Any]] = {
    "name": {"name": NAME},
    "spellings": {"firstName": "Zoraida", "LAST_NAME": "Quillfeather", "Full-Name": NAME, "billing first name": NAME},
    "contacts": {"e-mail": EMAIL, "clientIp": IPV4, "phone": 33698765432, "home_tel": PHONE, "Birthday": "Zoraida's"},
    "capitals": {"homeTel": PHONE},
    "nested": {"traits": {"user": [{"address": {"street": "Quillfeather 1", "lines": ["Zoraida"]}}]}},
    "deep": {"user": {"contact": {"address": {"a": {"b": {"c": {"d": {"e": NAME}}}}}}}},
    "values": {"note": f"write to {EMAIL} from {IPV4}", "list": [[EMAIL.upper()], {"x": IPV6}]},
    "keys": {EMAIL: 1, "by": {IPV4: True}},
    "urls": {"link": f"https://www.example.com/a?{quote(NAME)}", "search": f"?q={NAME}", "next": f"/a?q={ENCODED}"},
    "encoded": {"next": quote(f"https://www.example.com/a?q={NAME}", safe=""), "letters": EVERY_LETTER},
    "escapes": {"note": f'say "hi"\n{EMAIL}\\\t"{IPV6}"\f{IPV4}'},
    "inside": {"payload": json.dumps({"name": NAME, "more": json.dumps({"name": NAME})})},
    "broken": {"note": f"\\u000B::1 {EMAIL}"},
}


def rows() -> list[dict[str, Any]]:
    """An event for each place and each of two customers and two visitors, some of whose ids are an email or an address;
    then, before all of them, who read and who registered. Every minute one, newest first."""
    events = [
        *_TEXTS.values(),
        *({"url": url, "referrer": url, "path": url.removeprefix("https://www.example.com")} for url in _URLS.values()),
        *({"properties": json.dumps(each)} for each in _PROPERTIES.values()),
    ]
    whose: list[dict[str, Any]] = [
        {"customer_id": EMAIL, "anonymous_id": "v1", "trait_name": NAME, "trait_email": EMAIL},
        {"customer_id": "cus_7", "trait_name": NAME, "trait_email": EMAIL},
        {"anonymous_id": f"{IPV4} {IPV6}"},
        {"anonymous_id": "v1"},
    ]
    happened = [*events, {"event": "Registered"}, {"event": "Read"}]
    return [
        {"ip": IPV4 if number % 2 else IPV6, "country": "France", "device": "Desktop"}
        | {**event, **who}
        | {"message_id": f"{event.get('message_id', 'm')}-{number}", "occurred_at": NOW - timedelta(minutes=number + 1)}
        for number, (event, who) in enumerate((event, who) for event in happened for who in whose)
    ]


def make_canary_lake(folder: Path) -> Lake:
    """All of it in a lake, in an object and a rejected line that tell of her, too."""
    lake = Lake.open(make_settings(folder))
    add_events(lake, rows(), key=f"2026/{EMAIL}.jsonl")
    entry = Entry("made://tests", f"bad-{IPV4}.jsonl", "e", 9, NOW, lines=1)
    with lake.write(NOW) as transaction:
        bad = Rejected(1, "line.unknown_type", f"The type {EMAIL!r} is none.", f'{{"name":"{NAME}"}}'.encode())
        transaction.reject([(entry, bad)])
        transaction.finish([entry], NOW)
    return lake


def told(answer: object) -> set[str]:
    """Which signs of her are in an answer, however they are encoded."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else repr(answer)
    found: set[str] = set()
    for _ in range(4):
        found |= {sign for sign in SIGNS if sign in text.lower()}
        text = html.unescape(unquote(text.replace("\\\\", "\\")))
    return found
