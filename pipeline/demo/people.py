"""Who reads the demo's site: customers, readers who will register, visitors who stay anonymous, crawlers.

A visitor's fate (registering, subscribing) is drawn with the visitor, not during the history: so the live demo, which
starts from the plan alone, knows who became a customer without living through the thirty days again.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from uuid import UUID

from pipeline.demo.devices import CRAWLERS, Device, device
from pipeline.demo.places import UNKNOWN, Place, places
from pipeline.demo.site import PLANS, SubscriptionPlan

# Of the customers, this share was registered before the history begins; the others register during it.
SHARE_OLD_CUSTOMERS = 0.86
SHARE_SUBSCRIBED_BEFORE = 0.30
SHARE_OLD_SUBSCRIBES = 0.06
SHARE_NEW_SUBSCRIBES = 0.18
ANONYMOUS_PER_CUSTOMER = 3
CRAWLER_COUNT = 18

# How often they come, relative to one another (before a spread of their own).
VISITS_CUSTOMER, VISITS_PROSPECT, VISITS_ANONYMOUS = 5.2, 3.2, 1.0
CRAWLERS_SHARE_OF_VISITS = 0.06
SHARE_NO_PLACE = 0.01
SHARE_BAD_CLOCK = 0.004

_FIRST_NAMES = """
    Amelia Noah Sofia Liam Chloé Mateo Yuki Omar Ingrid Tariq Hannah Pavel Zoë Kwame Lucía Erik Mei Jonas Fatima Oscar
    Nadia Hugo Aisha Felix Renée Daniel Ines Rohan Greta Samuel Leila Anton Maya Victor Elena Idris Clara Björn Priya
    Adam Wren Tomas Sanna Joaquin Bea Emeka Lotte Farid Agnes Dario
"""
_LAST_NAMES = """
    Andersson Okafor Tremblay Müller Tanaka Rossi Novak Haddad O'Brien Silva Kowalski Patel Dubois Larsen Nguyen Costa
    Fischer Kim Moreau Hughes Ivanova Mensah Santos Weber Lindgren Chen Gallagher Ahmed Vargas Schmidt Walker Petit
    Yamamoto Fraser Roy Nakamura Popescu Campbell Diallo Martin Hale Ferrari Osei Lund Castillo Bauer Singh Doyle
"""
_FIRST, _LAST = _FIRST_NAMES.split(), _LAST_NAMES.split()
_PLAIN = str.maketrans("éëüöíåø", "eeuoiao", "'")


@dataclass(slots=True)
class Visitor:
    """One reader and what they have done so far. Times of fate are ordinals of their visits in the history, from 1."""

    anonymous_id: str
    customer_id: str
    first_name: str
    last_name: str
    email: str
    place: Place
    ip: str
    device: Device
    visits_weight: float
    clock_skew_ms: int = 0
    ad_blocker: bool = False
    crawler: bool = False
    registered: bool = False
    registers: bool = False
    registers_on: int = 0
    plan: SubscriptionPlan | None = None
    subscribed: bool = False
    subscribes_on: int = 0
    visits: int = 0
    busy_until_ms: int = 0
    reads: int = 0

    def fate(self, sessions: int, rng: Random) -> None:
        """Fix the visits on which this visitor registers and subscribes, once their number is known."""
        if self.registers:
            self.registers_on = rng.randint(1, min(sessions, 4))
        if self.plan and not self.subscribed:
            self.subscribes_on = rng.randint(max(1, self.registers_on), sessions)

    def settle(self) -> None:
        """Be who they are when the history is over."""
        self.registered = self.registered or self.registers
        self.subscribed = self.plan is not None


def population(seed: int, customers: int) -> list[Visitor]:
    """Everybody, in an order that does not change: customers, those to be, anonymous visitors, crawlers."""
    rng = Random(f"{seed}/people")
    towns = places()
    old = round(customers * SHARE_OLD_CUSTOMERS)
    everybody = [_visitor(rng, towns) for _ in range(customers * (1 + ANONYMOUS_PER_CUSTOMER))]
    for index, visitor in enumerate(everybody):
        if index < old:
            visitor.registered = True
            visitor.subscribed = rng.random() < SHARE_SUBSCRIBED_BEFORE
            visitor.plan = rng.choice(PLANS) if visitor.subscribed or rng.random() < SHARE_OLD_SUBSCRIBES else None
            visitor.visits_weight *= VISITS_CUSTOMER
        elif index < customers:
            visitor.registers = True
            visitor.plan = rng.choice(PLANS) if rng.random() < SHARE_NEW_SUBSCRIBES else None
            visitor.visits_weight *= VISITS_PROSPECT
    weight = sum(visitor.visits_weight for visitor in everybody) * CRAWLERS_SHARE_OF_VISITS / CRAWLER_COUNT
    return everybody + [_crawler(rng, towns[-1], number, weight) for number in range(CRAWLER_COUNT)]


def newcomer(rng: Random, towns: tuple[Place, ...]) -> Visitor:
    """A visitor nobody has seen before, for the live demo; one in ten registers at once, some subscribe."""
    visitor = _visitor(rng, towns)
    visitor.registers_on = 1 if rng.random() < 0.1 else 0
    if visitor.registers_on and rng.random() < 0.3:
        visitor.plan, visitor.subscribes_on = rng.choice(PLANS), 1
    return visitor


def _visitor(rng: Random, towns: tuple[Place, ...]) -> Visitor:
    (place,) = rng.choices(towns, [town.weight for town in towns])
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    number = rng.randrange(1, 1000)
    local = f"{first}.{last}{number}".lower().translate(_PLAIN)
    return Visitor(
        anonymous_id=uuid(rng),
        customer_id=f"cus_{_base36(rng.getrandbits(72))}",
        first_name=first,
        last_name=last,
        email=f"{local}@example.{rng.choice(('com', 'com', 'net', 'org'))}",
        place=place,
        ip=(UNKNOWN if rng.random() < SHARE_NO_PLACE else place).address(rng),
        device=device(rng),
        visits_weight=rng.lognormvariate(0, 0.8) * VISITS_ANONYMOUS,
        clock_skew_ms=_skew(rng),
        ad_blocker=rng.random() < 0.22,
    )


def _crawler(rng: Random, place: Place, number: int, weight: float) -> Visitor:
    visitor = _visitor(rng, (place,))
    visitor.device = CRAWLERS[number % len(CRAWLERS)]
    visitor.ip = place.address(rng)
    visitor.crawler = True
    visitor.clock_skew_ms = 0
    visitor.visits_weight = weight
    return visitor


def _skew(rng: Random) -> int:
    """How wrong the visitor's clock is, in ms: mostly by less than seconds, for a few by hours or days."""
    if rng.random() < SHARE_BAD_CLOCK:
        return rng.choice((-1, 1)) * rng.randrange(3_600_000, 5 * 86_400_000)
    return int(rng.gauss(0, 800))


def uuid(rng: Random) -> str:
    """A random (version 4) UUID from our own generator."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits.rjust(14, "0")
