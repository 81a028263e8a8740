"""The demo's site: a newspaper that never was, with its articles, its ways in and what it sells."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from random import Random

NEWS = "news.example.com"
WWW = "www.example.com"
SHOP = "shop.example.com"
BLOG = "blog.example.org"

DAY_MS = 86_400_000
ARTICLES_A_DAY = 14
ARCHIVE_DAYS = 60
WORDS_A_MINUTE = 230


@dataclass(frozen=True, slots=True)
class Article:
    section: str
    title: str
    url: str
    author: str
    words: int
    premium: bool
    video: bool
    published_ms: int


@dataclass(frozen=True, slots=True)
class SubscriptionPlan:
    name: str
    amount: float
    currency: str
    interval: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A way into the site: the referrer, and the campaign its links carry."""

    referrer: str
    source: str = ""
    medium: str = ""
    campaign: str = ""
    lands_home: float = 0.05


PLANS = (
    SubscriptionPlan("Digital Monthly", 9.99, "USD", "month"),
    SubscriptionPlan("Digital Monthly", 9.99, "USD", "month"),
    SubscriptionPlan("Digital Annual", 89.0, "USD", "year"),
    SubscriptionPlan("Print + Digital", 24.5, "USD", "month"),
    SubscriptionPlan("Supporter", 149.0, "EUR", "year"),
)

ENTRIES = (
    Entry("", lands_home=0.6),
    Entry("https://www.google.com/"),
    Entry("https://news.google.com/"),
    Entry("https://www.bing.com/"),
    Entry("https://duckduckgo.com/"),
    Entry("https://www.facebook.com/", "facebook", "social", "story-of-the-day"),
    Entry("https://t.co/", "x", "social", "story-of-the-day"),
    Entry("https://www.linkedin.com/", "linkedin", "social", "weekend-read"),
    Entry("https://www.reddit.com/r/worldnews/"),
    Entry("$direct", "newsletter", "email", "morning-briefing", 0.15),
    Entry("", "newsletter", "email", "weekend-edition", 0.15),
    Entry("https://www.google.com/", "google", "cpc", "autumn-trial", 0.3),
    Entry("https://partner.example.net/stories", "partner", "referral", "syndication"),
)
ENTRY_WEIGHTS = (30, 22, 6, 3, 2, 9, 6, 2, 2, 7, 3, 4, 4)

SEARCHES = ("election", "housing", "rail strike", "crossword", "interest rates", "harbour bridge", "recipes", "weather")

SECTIONS = {
    "politics": ("Council", "Parliament", "The mayor", "Ministers", "The opposition"),
    "business": ("Shipyards", "The central bank", "Start-ups", "Retailers", "Exporters"),
    "world": ("Border towns", "Negotiators", "Aid agencies", "Island states", "Voters abroad"),
    "science": ("Astronomers", "Marine biologists", "A university team", "Climate scientists", "Engineers"),
    "culture": ("The city orchestra", "A first novel", "Film-makers", "The harbour museum", "Street artists"),
    "sport": ("The Harbour XI", "Rowers", "The national team", "Cyclists", "A teenage champion"),
    "opinion": ("We", "Our readers", "Commuters", "Young families", "The old guard"),
    "food": ("Bakers", "The night market", "A coastal kitchen", "Cheesemakers", "Fishmongers"),
}
_VERBS = ("weighed", "rejected", "welcomed", "rethought", "prepared for", "celebrated", "questioned", "won", "saved")
_OBJECTS = (
    "the new ferry line",
    "a longer school day",
    "the autumn budget",
    "a quieter harbour",
    "the return of night trains",
    "a record season",
    "the price of bread",
    "an old promise",
    "the coastal path",
    "cheaper heat pumps",
    "a vote on parking",
    "the last lighthouse",
)
_AUTHORS = ("Ada Lindqvist", "Marcus Oyelaran", "Priya Raman", "Tomás Herrera", "Noor Haddad", "Eleanor Finch")
_HOSTS = {"opinion": BLOG, "food": WWW, "culture": WWW}


class Site:
    """The articles of any day: they follow from the seed and the day alone, so no run need begin at the first."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._of_day = lru_cache(maxsize=2 * ARCHIVE_DAYS)(self._publish)

    def article(self, now_ms: int, rng: Random) -> Article:
        """An article one might read now: most are fresh, some come from the archive."""
        age = int(rng.expovariate(0.9)) if rng.random() < 0.85 else rng.randrange(ARCHIVE_DAYS)
        articles = self._of_day(now_ms // DAY_MS - age)
        published = bisect_right(articles, now_ms, key=lambda article: article.published_ms)
        if not published:
            articles = self._of_day(now_ms // DAY_MS - age - 1)
            published = len(articles)
        # The square makes the day's first stories the much-read ones.
        return articles[int(published * rng.random() ** 2)]

    def published(self, now_ms: int, days: int) -> list[Article]:
        """The articles of the last `days` days up to now, newest first."""
        today = now_ms // DAY_MS
        found = [article for day in range(today - days, today + 1) for article in self._of_day(day)]
        return [article for article in reversed(found) if now_ms - days * DAY_MS < article.published_ms <= now_ms]

    def _publish(self, day: int) -> tuple[Article, ...]:
        rng = Random(f"{self._seed}/articles/{day}")
        times = sorted(day * DAY_MS + rng.randrange(DAY_MS) for _ in range(ARTICLES_A_DAY))
        return tuple(_article(rng, published_ms) for published_ms in times)


def _article(rng: Random, published_ms: int) -> Article:
    section = rng.choice(tuple(SECTIONS))
    title = f"{rng.choice(SECTIONS[section])} {rng.choice(_VERBS)} {rng.choice(_OBJECTS)}"
    slug = title.lower().replace(" ", "-")
    host = _HOSTS.get(section, NEWS)
    return Article(
        section=section,
        title=title,
        url=f"https://{host}/{section}/{slug}-{published_ms // 60_000 % 100_000}",
        author=rng.choice(_AUTHORS),
        words=rng.randrange(300, 2400),
        premium=rng.random() < 0.35,
        video=rng.random() < 0.18,
        published_ms=published_ms,
    )


def parts_of(article: Article) -> tuple[str, str, str]:
    """Subject, verb and object of the headline that `_article` put together."""
    for subject in SECTIONS[article.section]:
        for verb in _VERBS:
            if article.title.startswith(f"{subject} {verb} "):
                return subject, verb, article.title.removeprefix(f"{subject} {verb} ")
    raise ValueError(f"no headline of ours: {article.title!r}")
