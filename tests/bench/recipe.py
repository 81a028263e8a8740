"""What the bench's events look like: a news site's days, made by DuckDB from hashes, so that they are always the same.

A visitor's number says how busy they are: the first of 900,000 come thousands of times, most only now and then. Events,
places, stories and referrers follow long tails, and the day has its night. Addresses are private ones and those kept
for documentation; a fifth are IPv6.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import ibis
import pyarrow as pa

from pipeline.event import PARSED_SCHEMA

VERSION = 1  # of the recipe: a change to it makes every cached data set anew
CUSTOMERS = 300_000
VISITORS = 3 * CUSTOMERS

# Country, code, region, city, time zone, and how many of a thousand visitors live there.
_PLACES = (
    ("United States", "US", "New York", "New York", "America/New_York", 170),
    ("United States", "US", "California", "Los Angeles", "America/Los_Angeles", 120),
    ("United States", "US", "Illinois", "Chicago", "America/Chicago", 80),
    ("Germany", "DE", "Berlin", "Berlin", "Europe/Berlin", 70),
    ("Germany", "DE", "Bavaria", "Munich", "Europe/Berlin", 50),
    ("Germany", "DE", "Hamburg", "Hamburg", "Europe/Berlin", 30),
    ("United Kingdom", "GB", "England", "London", "Europe/London", 90),
    ("United Kingdom", "GB", "Scotland", "Edinburgh", "Europe/London", 25),
    ("France", "FR", "Île-de-France", "Paris", "Europe/Paris", 60),
    ("France", "FR", "Auvergne-Rhône-Alpes", "Lyon", "Europe/Paris", 25),
    ("Spain", "ES", "Madrid", "Madrid", "Europe/Madrid", 40),
    ("Italy", "IT", "Lazio", "Rome", "Europe/Rome", 35),
    ("Canada", "CA", "Ontario", "Toronto", "America/Toronto", 40),
    ("India", "IN", "Maharashtra", "Mumbai", "Asia/Kolkata", 40),
    ("Brazil", "BR", "São Paulo", "São Paulo", "America/Sao_Paulo", 30),
    ("Japan", "JP", "Tokyo", "Tokyo", "Asia/Tokyo", 25),
    ("Netherlands", "NL", "North Holland", "Amsterdam", "Europe/Amsterdam", 20),
    ("Australia", "AU", "New South Wales", "Sydney", "Australia/Sydney", 20),
    ("Poland", "PL", "Mazovia", "Warsaw", "Europe/Warsaw", 10),
    ("Sweden", "SE", "Stockholm", "Stockholm", "Europe/Stockholm", 8),
    ("Portugal", "PT", "Lisbon", "Lisbon", "Europe/Lisbon", 5),
    ("Kenya", "KE", "Nairobi", "Nairobi", "Africa/Nairobi", 4),
    ("Chile", "CL", "Santiago", "Santiago", "America/Santiago", 2),
    ("Iceland", "IS", "Capital Region", "Reykjavík", "Atlantic/Reykjavik", 1),
)
_RARE = (
    *("Comment Posted", "Newsletter Joined", "Search Made", "Story Saved", "Poll Answered", "Podcast Played"),
    *("Paywall Closed", "Plan Compared", "Coupon Entered", "Checkout Begun", "Card Declined", "Profile Edited"),
    *("Gift Sent", "App Opened", "Push Allowed", "Topic Followed", "Author Followed", "Quiz Finished", "Ad Hidden"),
    "Account Closed",
)
# How busy each hour of the day is, from midnight UTC on.
_RHYTHM = (2, 1, 1, 1, 1, 2, 4, 7, 9, 8, 7, 7, 9, 8, 7, 7, 8, 9, 10, 11, 10, 8, 5, 3)
_WEEK = (11, 11, 11, 11, 10, 8, 8)  # and each day of the week, from Monday on


def _listed(values: Sequence[str]) -> str:
    return f"[{', '.join(repr(value) for value in values)}]"


_MACROS = (
    "CREATE MACRO rolled(a, b, c) AS (hash(a, b, c) % 9007199254740881::UBIGINT)::BIGINT",
    "CREATE MACRO share(number) AS (number % 1000003) / 1000003::DOUBLE",
    "CREATE MACRO tail(size, number, steep) AS floor(size * power(share(number), steep))::BIGINT",
    "CREATE MACRO picked(list, number) AS list[1 + (number % len(list))::INTEGER]",
    "CREATE MACRO rarer(list, number) AS list[1 + tail(len(list), number, 3)]",
)

# Fixed text and whole numbers alone. `salt` and its like are independent of each other; `busy` is the visitor's number.
_DAY = f"""
WITH thrown AS (
    SELECT i, tail($visitors, rolled(i, $day, 1), 2) AS busy, rolled(i, $day, 2) % 1000 AS kind,
           rolled(i, $day, 3) AS salt, rolled(i, $day, 4) AS pepper, rolled(i, $day, 5) AS spice,
           rolled(i, $day, 6) AS clock, rolled(i, $day, 7) % $hours AS slot
    FROM range($events) t(i)
), visit AS (
    SELECT *, rolled(busy, 0, 11) AS person, CASE WHEN rolled(busy, 0, 12) % 3 = 0 THEN salt % 2 ELSE 0 END AS machine,
           $start + to_milliseconds(hour * 3600000 + clock % 3600000) AS moment
    FROM thrown JOIN hours USING (slot)
), story AS (
    SELECT *, person % $places AS home, rolled(person, machine, 0) AS device,
           ($day * 40 + tail(8000, pepper, 3)) % 20000 AS story,
           CASE WHEN pepper % 11 < 2 THEN 'home' WHEN pepper % 11 < 3 THEN 'section' ELSE 'story' END AS shown,
           picked(['news', 'business', 'sport', 'culture', 'opinion', 'science'], pepper // 11) AS section,
           rolled(person, machine, CASE WHEN person % 2 = 0 THEN salt % 3 ELSE 0 END) % 400000 AS address
    FROM visit
), page AS (
    SELECT *, CASE shown WHEN 'home' THEN '/' WHEN 'section' THEN '/' || section
                         ELSE '/' || ['news', 'business', 'sport', 'culture', 'opinion', 'science'][1 + story % 6]
                              || '/a-story-worth-reading-' || story END AS path,
           CASE WHEN spice % 20 = 0 THEN 'shop.example.com' WHEN spice % 20 < 4 THEN 'm.example.com'
                ELSE 'www.example.com' END AS domain,
           CASE WHEN spice % 100 < 15 THEN rarer(['newsletter', 'google', 'facebook', 'partner', 'podcast'], spice)
           END AS utm_source,
           CASE WHEN salt % 100 < 30 THEN NULL WHEN salt % 100 < 62 THEN 'https://www.google.com/'
                WHEN salt % 100 < 67 THEN 'https://www.bing.com/' WHEN salt % 100 < 72 THEN 'https://www.facebook.com/'
                WHEN salt % 100 < 78 THEN 'https://t.co/' || printf('%05x', tail(1500, spice, 2))
                WHEN salt % 100 < 82 THEN 'https://blog-' || tail(900, spice, 2) || '.example.net/'
                ELSE 'https://www.example.com/news/a-story-worth-reading-' || tail(2000, spice, 3)
           END AS referrer
    FROM story
), told AS (
    SELECT *, CASE WHEN kind < 620 THEN 'Page Viewed' WHEN kind < 800 THEN 'Modal Displayed'
                   WHEN kind < 850 THEN 'Article Shared' WHEN kind < 890 THEN 'Video Played'
                   WHEN kind < 920 THEN 'Registered' WHEN kind < 930 THEN 'Subscribed' WHEN kind < 950 THEN 'Identified'
                   ELSE rarer({_listed(_RARE)}, pepper // 13) END AS event,
           CASE WHEN utm_source IS NOT NULL THEN rarer(['email', 'cpc', 'social', 'banner'], spice // 3)
           END AS utm_medium,
           CASE WHEN utm_source IS NOT NULL THEN 'campaign-' || tail(60, spice // 5, 2)
           END AS utm_campaign,
           CASE WHEN busy < $customers AND salt % 5 > 0 THEN printf('cus_%08d', busy) END AS customer_id,
           md5(concat('visitor ', busy, ' ', machine))::UUID::VARCHAR AS anonymous_id,
           concat('ajs-next-', md5(concat(i, '-', $day))::UUID::VARCHAR) AS message_id
    FROM page
)
SELECT event, CASE WHEN event = 'Modal Displayed'
                   THEN rarer(['meter', 'register', 'newsletter', 'subscribe', 'success'], salt // 7) END AS modal,
       CASE event WHEN 'Page Viewed' THEN 'page' WHEN 'Identified' THEN 'identify' ELSE 'track' END AS type,
       moment AS occurred_at, moment + to_milliseconds(50 + spice % 2000) AS received_at, customer_id, anonymous_id,
       CASE WHEN address % 5 = 0 THEN printf('2001:db8:%x:%x::%x', address // 4096, address % 4096, 1 + address % 9)
            ELSE printf('10.%d.%d.%d', address // 62500, address // 250 % 250, address % 250) END AS ip,
       country, country_code, region, city, timezone,
       CASE WHEN device % 50 = 0 THEN 'Bot' WHEN device % 50 < 24 THEN 'Mobile' WHEN device % 50 < 27 THEN 'Tablet'
            ELSE 'Desktop' END AS device,
       rarer(['Chrome', 'Safari', 'Firefox', 'Edge', 'Samsung Internet', 'Opera'], device // 50) AS browser,
       rarer(['Windows', 'iOS', 'Android', 'Mac OS X', 'Linux', 'Chrome OS'], device // 51) AS os,
       concat('https://', domain, path, CASE WHEN utm_source IS NOT NULL THEN
           concat('?utm_source=', utm_source, '&utm_medium=', utm_medium, '&utm_campaign=', utm_campaign) END) AS url,
       path, domain, referrer, regexp_extract(referrer, '^https://([^/]+)/', 1) AS referrer_domain,
       CASE shown WHEN 'home' THEN 'The Example Times' WHEN 'section' THEN concat('The Example Times: ', section)
                  ELSE concat('A story worth reading, number ', story, ' · The Example Times') END AS title,
       utm_source, utm_medium, utm_campaign, md5(message_id)::UUID::VARCHAR AS event_id, message_id, 'bench' AS source,
       concat('{{"section":"', section, '","article":', story, ',"words":', 200 + story % 1800,
              ',"scroll":', spice % 101, ',"engaged_seconds":', pepper % 300, ',"author":"Author ', story % 80,
              '","plan":"', picked(['monthly', 'yearly', 'none'], salt // 11), '"}}') AS properties,
       CASE WHEN customer_id IS NOT NULL AND event IN ('Identified', 'Registered') THEN concat('Reader ', busy)
       END AS trait_name,
       CASE WHEN trait_name IS NOT NULL THEN concat('reader.', busy, '@example.com') END AS trait_email,
       CASE WHEN customer_id IS NOT NULL THEN anonymous_id END AS linked_anonymous_id, 0 AS object, i + 1 AS line
FROM told JOIN places ON places.slot = home
"""  # noqa: S608


class Maker:
    """Makes days of events. The `day` alone says what is in one; `start` says when it is."""

    def __init__(self) -> None:
        self._con = ibis.duckdb.connect().con
        self._con.execute("SET TimeZone = 'UTC'")
        self._con.execute("SET enable_progress_bar = false")
        for macro in _MACROS:
            self._con.execute(macro)
        places = [place[:5] for place in _PLACES for _ in range(place[5])]
        hours = [(hour,) for hour, share in enumerate(_RHYTHM) for _ in range(share)]
        self._keep("places", ("country", "country_code", "region", "city", "timezone"), places)
        self._keep("hours", ("hour",), hours)
        self._sizes = {"customers": CUSTOMERS, "visitors": VISITORS, "places": len(places), "hours": len(hours)}

    def day(self, day: int, start: datetime, events: int) -> pa.Table:
        """So many parsed and enriched lines (`PARSED_SCHEMA`) within the 24 hours from `start`."""
        asked = {"day": day, "start": start, "events": events, **self._sizes}
        rows = self._con.execute(_DAY, asked).to_arrow_table()
        nothing = pa.nulls(len(rows))
        names = PARSED_SCHEMA.names
        made = pa.table({name: rows[name] if name in rows.column_names else nothing for name in names})
        return made.cast(PARSED_SCHEMA)

    def _keep(self, table: str, names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
        """Rows to be picked by their number, `slot`."""
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        self._con.register(table, pa.table({"slot": list(range(len(rows))), **columns}))


def shares(events: int, days: int, end: datetime) -> list[int]:
    """How many of `events` each of the `days` before `end` has, oldest first: fewer at the weekend, `events` in all."""
    weights = [_WEEK[(end - timedelta(days=days - day)).weekday()] for day in range(days)]
    upto = [events * sum(weights[:day]) // sum(weights) for day in range(days + 1)]
    return [after - before for before, after in pairwise(upto)]
