"""The website's documents. All text is ours or made from ours, and escaped nevertheless."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from urllib.parse import urlsplit

from pipeline.demo.site import PLANS, SECTIONS, WORDS_A_MINUTE, Article
from pipeline.demo.visits import METER_AFTER
from pipeline.demo.website.picture import picture
from pipeline.demo.website.prose import paragraphs, standfirst

NAME = "The Harbour Courier"
_LATEST, _MORE, _IN_SECTION = 6, 4, 12


@dataclass(frozen=True, slots=True)
class Edition:
    """What every page is made from: where the site is mounted, the hour, the articles (newest first), the snippet."""

    base: str
    at: datetime
    articles: tuple[Article, ...]
    snippet: str

    def link(self, article: Article) -> str:
        return f"{self.base}{path_of(article)}"


Page = Callable[[Edition], str | None]


def path_of(article: Article) -> str:
    """Where the article is on the site, below the place where that is mounted."""
    return urlsplit(article.url).path


def front(edition: Edition) -> str:
    lead, *rest = edition.articles
    beside, latest = rest[:3], rest[3 : 3 + _LATEST]
    opinions = [article for article in rest if article.section == "opinion"][:4]
    body = f"""
<section class="lead">
  <article class="first">{_linked(edition, lead, _picture(lead, "lead"))}{_kicker(edition, lead)}
    <h2><a href="{_href(edition, lead)}">{escape(lead.title)}</a></h2>
    <p>{escape(standfirst(lead))}</p>{_byline(edition, lead)}</article>
  <div class="beside">{"".join(_brief(edition, article) for article in beside)}</div>
</section>
<section><h3 class="rule">The latest</h3><div class="grid">{_cards(edition, latest)}</div></section>
{_letter_box()}
<section><h3 class="rule">Opinion</h3><div class="quotes">{"".join(_opinion(edition, each) for each in opinions)}</div>
</section>"""
    description = "News from the waterfront: a newspaper that never was."
    return _document(edition, NAME, body, _og("website", NAME, description), current="")


def section(edition: Edition, name: str) -> str:
    articles = [article for article in edition.articles if article.section == name][:_IN_SECTION]
    title = name.capitalize()
    cards = f'<div class="grid">{_cards(edition, articles)}</div>'
    body = f'<section><h1 class="section">{escape(title)}</h1>{cards}</section>'
    meta = _og("website", title, f"{title} in {NAME}")
    return _document(edition, f"{title} – {NAME}", body + _letter_box(), meta, current=name)


def article(edition: Edition, path: str) -> str | None:
    """None when there is no such article."""
    found = next((each for each in edition.articles if path_of(each) == path), None)
    return None if found is None else _article(edition, found)


def _article(edition: Edition, it: Article) -> str:
    first, *others = paragraphs(it)
    text = "".join(f"<p>{escape(each)}</p>" for each in others)
    more = [each for each in edition.articles if each.section == it.section and each != it][:_MORE]
    body = f"""
<article class="story" data-article="{escape(path_of(it))}" data-premium="{str(it.premium).lower()}">
  {_kicker(edition, it)}
  <h1>{escape(it.title)}</h1>
  {_byline(edition, it)}
  <figure>{_picture(it, "story")}<figcaption>The harbour, as our draughtsman sees it.</figcaption></figure>
  <div class="text"><p class="first">{escape(first)}</p>{text}</div>
  <p class="tags"><a href="{edition.base}/{it.section}">{escape(it.section)}</a><span>{escape(_tag(it))}</span></p>
</article>
{_letter_box()}
<section><h3 class="rule">More in {escape(it.section)}</h3>
  <div class="grid four">{_cards(edition, more)}</div></section>"""
    meta = _og("article", it.title, standfirst(it)) + "".join(
        f'<meta property="article:{name}" content="{escape(value)}">'
        for name, value in (("section", it.section), ("tag", _tag(it)), ("author", it.author))
    )
    return _document(edition, f"{it.title} – {NAME}", body, meta, current=it.section)


def missing(edition: Edition) -> str:
    body = (
        '<section class="missing"><h1>This page has gone out with the tide</h1>'
        f'<p>Older stories leave the demo’s site. <a href="{edition.base}/">Back to the front page</a></p></section>'
    )
    return _document(edition, f"Not found – {NAME}", body, "", current="")


def _tag(article: Article) -> str:
    return article.title.split()[-1]


def _href(edition: Edition, article: Article) -> str:
    return escape(edition.link(article))


def _linked(edition: Edition, article: Article, inner: str) -> str:
    return f'<a class="shot" href="{_href(edition, article)}" tabindex="-1" aria-hidden="true">{inner}</a>'


def _picture(article: Article, place: str) -> str:
    return picture(article, f"{place}-{article.published_ms}")


def _kicker(edition: Edition, article: Article) -> str:
    reserved = '<span class="premium">For subscribers</span>' if article.premium else ""
    name = escape(article.section)
    return f'<p class="kicker"><a href="{edition.base}/{name}">{name.capitalize()}</a>{reserved}</p>'


def _byline(edition: Edition, article: Article) -> str:
    minutes = max(1, round(article.words / WORDS_A_MINUTE))
    return (
        f'<p class="byline">By <b>{escape(article.author)}</b> <span>{_when(edition.at, article)}</span> '
        f"<span>{minutes} min read</span></p>"
    )


def _when(now: datetime, article: Article) -> str:
    at = datetime.fromtimestamp(article.published_ms / 1000, UTC)
    if at.date() == now.date():
        return f"Today, {at:%H:%M}"
    return f"{at:%-d %B %Y}"


def _brief(edition: Edition, article: Article) -> str:
    return (
        f'<article>{_kicker(edition, article)}<h4><a href="{_href(edition, article)}">{escape(article.title)}</a></h4>'
        f"<p>{escape(standfirst(article))}</p>{_byline(edition, article)}</article>"
    )


def _cards(edition: Edition, articles: Iterable[Article]) -> str:
    return "".join(
        f"<article>{_linked(edition, each, _picture(each, 'card'))}{_kicker(edition, each)}"
        f'<h4><a href="{_href(edition, each)}">{escape(each.title)}</a></h4>{_byline(edition, each)}</article>'
        for each in articles
    )


def _opinion(edition: Edition, article: Article) -> str:
    return (
        f'<article><h4><a href="{_href(edition, article)}">{escape(article.title)}</a></h4>'
        f"<p>{escape(article.author)}</p></article>"
    )


def _letter_box() -> str:
    return (
        '<aside class="letter"><div><h3>Morning Briefing</h3><p>The harbour’s day in five minutes, in your inbox '
        'before the first ferry.</p></div><button type="button" class="primary" data-do="newsletter">Sign up free'
        "</button></aside>"
    )


def _og(kind: str, title: str, description: str) -> str:
    fields = (("type", kind), ("title", title), ("site_name", NAME), ("description", description))
    tags = "".join(f'<meta property="og:{name}" content="{escape(value)}">' for name, value in fields)
    return f'<meta name="description" content="{escape(description)}">{tags}'


def _plans() -> str:
    """What there is to subscribe to, for the script, which draws the choice."""
    unique = dict.fromkeys(PLANS)
    return escape("|".join(f"{plan.name};{plan.amount};{plan.currency};{plan.interval}" for plan in unique))


def _document(edition: Edition, title: str, body: str, meta: str, *, current: str) -> str:
    base = escape(edition.base)
    names = "".join(
        f'<a href="{base}/{name}"{" aria-current=page" if name == current else ""}>{name.capitalize()}</a>'
        for name in SECTIONS
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
{meta}
<link rel="icon" href="data:image/svg+xml,{_ICON}">
<link rel="stylesheet" href="{base}/site.css">
{edition.snippet.strip()}
</head>
<body data-base="{base}" data-free="{METER_AFTER}" data-plans="{_plans()}">
<a class="skip" href="#main">To the news</a>
<header class="masthead">
  <div class="top"><span class="date">{edition.at:%A, %-d %B %Y}</span>
    <a class="name" href="{base}/">{NAME}</a>
    <span class="who"><button type="button" data-do="login" data-when="out">Log in</button>
      <button type="button" data-do="account" data-when="in"></button>
      <button type="button" class="primary" data-do="subscribe" data-when="unsubscribed">Subscribe</button></span></div>
  <nav aria-label="Sections">{names}</nav>
</header>
<main id="main">{body}</main>
<footer><p><b>{NAME}</b> never was. Its articles, people and prices are made up, and nothing can be bought here.</p>
</footer>
<div class="demo" role="note"><span class="free" hidden></span><span>This is a demo.</span>
  <a data-do="see" href="/">See yourself in Activity →</a><button type="button" data-do="over">Start over</button></div>
<script src="{base}/site.js"></script>
</body>
</html>
"""


_ICON = (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 28 28'%3E%3Crect width='28' height='28' rx='6' "
    "fill='%2324586b'/%3E%3Cpath d='M13 5v14M8 11h10M5 16q2 7 8 7t8-7' fill='none' stroke='%23fff' stroke-width='2.4' "
    "stroke-linecap='round'/%3E%3C/svg%3E"
)
