"""What happens in one visit: pages read, modals met, a registration or a subscription where fate has one.

The rates are those a newspaper with a meter would recognise; the order of calls is the one Pelcro's own pages make.
"""

from __future__ import annotations

from random import Random
from typing import Any

from pipeline.demo.objects import Line
from pipeline.demo.people import Visitor, uuid
from pipeline.demo.site import (
    ENTRIES,
    ENTRY_WEIGHTS,
    SEARCHES,
    SHOP,
    WORDS_A_MINUTE,
    WWW,
    Article,
    Entry,
    Site,
)
from pipeline.demo.wire import Sender, pause

METER_AFTER = 3  # articles an unregistered reader may open
MORE_PAGES = 0.64  # chance of one page more, for an anonymous visitor; customers read on longer
MORE_PAGES_CUSTOMER = 0.72
LONGEST_VISIT = 25
REST_MS = 300_000  # at least, between two visits of one person

# Chances per page or per visit, as the names say.
IDENTIFY_PER_VISIT, LOGIN_PER_VISIT, DASHBOARD_PER_VISIT = 0.22, 0.10, 0.03
NEWSLETTER_PER_VISIT, NEWSLETTER_TAKEN = 0.07, 0.12
REGISTER_AFTER_METER, OFFER_AFTER_PREMIUM, PAYMENT_AFTER_OFFER = 0.30, 0.22, 0.16
SHARE_PER_ARTICLE, VIDEO_PLAYED, SEARCH_PER_PAGE = 0.018, 0.45, 0.015


def visit(visitor: Visitor, start_ms: int, site: Site, rng: Random) -> list[Line]:
    """Play one visit from `start_ms` on; returns its lines with the times they are received."""
    visitor.visits += 1
    if not visitor.crawler:  # people finish one visit before the next
        start_ms = max(start_ms, visitor.busy_until_ms)
    sender = Sender(visitor, start_ms, rng)
    entry = rng.choices(ENTRIES, ENTRY_WEIGHTS)[0]
    if visitor.crawler:
        entry = ENTRIES[0]
    _Visit(visitor, sender, site, rng).play(entry)
    visitor.busy_until_ms = sender.now_ms + REST_MS
    return sender.lines


class _Visit:
    def __init__(self, visitor: Visitor, sender: Sender, site: Site, rng: Random) -> None:
        self.visitor, self.sender, self.site, self.rng = visitor, sender, site, rng
        self.read: list[Article] = []
        self.fated = visitor.visits in {visitor.registers_on, visitor.subscribes_on}

    def play(self, entry: Entry) -> None:
        visitor, rng = self.visitor, self.rng
        self._arrive(entry)
        more = MORE_PAGES_CUSTOMER if visitor.registered or visitor.crawler else MORE_PAGES
        pages = 1
        while pages < LONGEST_VISIT and rng.random() < more:
            pages += 1
            self._article()
        if self.fated:
            self._meet_fate()

    def _arrive(self, entry: Entry) -> None:
        self.sender.enter(entry)
        home = self.rng.random() < entry.lands_home
        article = None if home else self._another()
        self._view_home() if article is None else self._view(article)
        if self.visitor.registered:
            self._recognise()
        elif not self.visitor.crawler and self.chance(NEWSLETTER_PER_VISIT):
            self._offer_newsletter()
        if article is not None:
            self._react(article)

    def _article(self) -> None:
        if self.chance(SEARCH_PER_PAGE):
            word = self.rng.choice(SEARCHES)
            self.sender.page(f"https://{WWW}/search?q={word.replace(' ', '+')}", f"Search: {word}", {"type": "search"})
            self.sender.track("Searched", {"query": word, "results": self.rng.randrange(0, 60)})
        article = self._another()
        self._view(article)
        self._react(article)

    def _another(self) -> Article:
        """An article not read in this visit, as far as three tries find one."""
        for _ in range(3):
            article = self.site.article(self.sender.now_ms, self.rng)
            if article not in self.read:
                break
        return article

    def _view_home(self) -> None:
        title = "The Harbour Courier – news from the waterfront"
        self.sender.page(f"https://{WWW}/", title, {"type": "home", **self._reading(60)})

    def _view(self, article: Article) -> None:
        properties = {
            "type": "article",
            "article:section": article.section,
            "article:tag": article.title.split()[-1],
            "article:author": article.author,
            "premium": article.premium,
            **self._reading(article.words * 60 / WORDS_A_MINUTE),
        }
        self.sender.page(article.url, article.title, properties)
        self.visitor.reads += 1
        self.read.append(article)

    def _reading(self, seconds_to_read: float) -> dict[str, Any]:
        """How far and how long the page was read, as the SDK reports it when the page is left."""
        scroll = min(100, int(self.rng.betavariate(1.6, 1.2) * 104))
        engaged = 0.3 + seconds_to_read * scroll / 100 * self.rng.uniform(0.4, 1.1)
        return {
            "scroll_percent": scroll,
            "engaged_seconds": round(engaged, 1),
            "visit_number": self.visitor.visits,
            "ad_blocker": self.visitor.ad_blocker,
        }

    def _react(self, article: Article) -> None:
        if self.visitor.crawler:
            return
        if article.video and self.chance(VIDEO_PLAYED):
            watched = self.rng.choice((10, 25, 50, 75, 95, 100))
            self.sender.track("Video Played", {"video": article.title, "watched_percent": watched, "autoplay": False})
        if self.chance(SHARE_PER_ARTICLE):
            network = self.rng.choice(("email", "facebook", "whatsapp", "x", "copy link"))
            self.sender.track("Article Shared", {"network": network, "article:section": article.section})
        if not self.visitor.registered and self.visitor.reads > METER_AFTER and self.chance(0.5):
            self._meter()
        elif self._may_be_offered(article) and self.chance(OFFER_AFTER_PREMIUM):
            self._offer()

    def _may_be_offered(self, article: Article) -> bool:
        return self.visitor.registered and not self.visitor.subscribed and article.premium

    def _recognise(self) -> None:
        if self.chance(LOGIN_PER_VISIT):
            self.sender.modal("login modal")
            self.sender.identify()
            self.sender.track("Logged In", {"method": self.rng.choice(("password", "password", "google", "link"))})
        elif self.chance(IDENTIFY_PER_VISIT):
            self.sender.identify()
        if self.chance(DASHBOARD_PER_VISIT):
            self.sender.modal("dashboard")

    def _offer_newsletter(self) -> None:
        self.sender.modal("newsletter modal")
        if self.chance(NEWSLETTER_TAKEN):
            letter = self.rng.choice(("Morning Briefing", "Weekend Edition", "Harbour Weather"))
            self.sender.track("Newsletter Subscribed", {"newsletter": letter, "placement": "modal"})

    def _meter(self) -> None:
        self.sender.modal("meter", {"articles_read": self.visitor.reads, "limit": METER_AFTER})
        if self.chance(REGISTER_AFTER_METER):
            self.sender.modal("register modal")

    def _offer(self) -> None:
        self.sender.modal("selection modal")
        if self.chance(PAYMENT_AFTER_OFFER):
            self.sender.modal("subscription create modal")

    def _meet_fate(self) -> None:
        if self.visitor.visits == self.visitor.registers_on and not self.visitor.registered:
            self._register()
        if self.visitor.visits == self.visitor.subscribes_on and not self.visitor.subscribed:
            self._subscribe()

    def _register(self) -> None:
        # One in eight comes by the site's own link and never meets the meter.
        if self.rng.random() < 0.88:
            self.sender.modal("meter", {"articles_read": self.visitor.reads, "limit": METER_AFTER})
        self.sender.modal("register modal")
        self.visitor.registered = True
        self.sender.track("Registered", {"method": self.rng.choice(("email", "email", "email", "google", "apple"))})
        self.sender.identify()

    def _subscribe(self) -> None:
        plan = self.visitor.plan
        if plan is None:
            return
        self.sender.page(f"https://{SHOP}/plans", "Choose your subscription", {"type": "checkout"})
        self.sender.modal("selection modal")
        self.sender.page(f"https://{SHOP}/checkout", "Checkout", {"type": "checkout"})
        self.sender.modal("subscription create modal", {"plan": plan.name})
        terms = {"plan": plan.name, "amount": plan.amount, "currency": plan.currency, "interval": plan.interval}
        coupon = {"coupon": "AUTUMN24"} if self.rng.random() < 0.15 else {}
        self.sender.track("Subscribed", {"subscription_id": f"sub_{uuid(self.rng)[:13]}", **terms, **coupon})
        self.visitor.subscribed = True
        self.sender.modal("subscription success modal", {"plan": plan.name})
        pause(self.sender, self.rng)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share
