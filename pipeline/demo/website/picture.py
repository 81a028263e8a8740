"""A drawing for each article: the harbour at some hour of the day, always the same for the same article.

Drawn, not fetched: the demo asks no other host for anything, and bundles no photographs of places that never were.
"""

from __future__ import annotations

from math import pi, sin
from random import Random

from pipeline.demo.site import Article

_WIDTH, _HEIGHT, _HORIZON = 640, 400, 250

# Sky above, sky at the horizon, sun, hills, water far and near.
_HOURS = (
    ("#f6d9b8", "#fbeedb", "#ee7b4d", "#7d8fa0", "#5f8ea3", "#2f5d73"),
    ("#a9cfe3", "#e9f3f5", "#fdf3cf", "#6f9192", "#4f93a8", "#24586b"),
    ("#2b3a67", "#c96e6a", "#f7c873", "#33375a", "#5a4a72", "#221f3d"),
    ("#0f1d33", "#28486b", "#f3f0dc", "#16263d", "#1c3a57", "#0b1727"),
    ("#d8dfe3", "#f2f1ec", "#ffffff", "#93a3a6", "#8aa1a6", "#56727a"),
    ("#f2b5a0", "#f9e3cf", "#d9485f", "#8a6f80", "#a4717f", "#5b3f5a"),
)


def picture(article: Article, name: str) -> str:
    """The drawing as SVG; `name` is unique on the page, for the gradients."""
    rng = Random(f"picture/{article.url}")
    sky, low, sun, hill, far, near = rng.choice(_HOURS)
    x, height = rng.randrange(110, 530), rng.randrange(-40, 130)
    parts = [
        f'<defs><linearGradient id="{name}" x2="0" y2="1"><stop stop-color="{sky}"/>'
        f'<stop offset="1" stop-color="{low}"/></linearGradient></defs>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="url(#{name})"/>',
        f'<circle cx="{x}" cy="{_HORIZON - height}" r="{rng.randrange(26, 58)}" fill="{sun}" opacity=".92"/>',
        _ridge(rng, _HORIZON, 46, hill, 0.55),
        _ridge(rng, _HORIZON, 22, hill, 0.95),
        f'<rect y="{_HORIZON}" width="{_WIDTH}" height="{_HEIGHT - _HORIZON}" fill="{far}"/>',
        "".join(
            f'<rect x="{x + rng.randrange(-34, 10)}" y="{_HORIZON + 7 + row * 13}" width="{rng.randrange(18, 58)}" '
            f'height="2.5" rx="1" fill="{sun}" opacity="{0.55 - row * 0.05:.2f}"/>'
            for row in range(9)
        ),
        _SUBJECTS[rng.randrange(len(_SUBJECTS))](rng, near, low),
        _wave(rng, _HEIGHT - 62, near, 0.55),
        _wave(rng, _HEIGHT - 36, near, 1),
    ]
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="xMidYMid slice"'
    return f'<svg class="picture" {box} aria-hidden="true">{"".join(parts)}</svg>'


def _ridge(rng: Random, base: int, height: int, fill: str, opacity: float) -> str:
    phase, steps = rng.random() * 2 * pi, 16
    tops = [
        (n * _WIDTH // steps, base - height * (0.45 + 0.35 * sin(phase + n * 0.8) + 0.2 * rng.random()))
        for n in range(steps + 1)
    ]
    line = " ".join(f"L{x} {y:.0f}" for x, y in tops)
    return f'<path d="M0 {base} {line} L{_WIDTH} {base}Z" fill="{fill}" opacity="{opacity}"/>'


def _wave(rng: Random, y: int, fill: str, opacity: float) -> str:
    shift = rng.randrange(0, 80)
    crests = " ".join("q40 -15 80 0 t80 0" for _ in range(5))
    return f'<path d="M{-shift} {y} {crests} V{_HEIGHT} H{-shift}Z" fill="{fill}" opacity="{opacity}"/>'


def _boat(rng: Random, dark: str, light: str) -> str:
    x, y = rng.randrange(90, 460), _HORIZON + rng.randrange(26, 62)
    return (
        f'<g transform="translate({x} {y})"><path d="M0 0h96l-16 20h-62z" fill="{dark}"/>'
        f'<path d="M44 -4V-92l44 84z" fill="{light}"/><path d="M38 -4V-74l-30 66z" fill="{light}" opacity=".75"/></g>'
    )


def _lighthouse(rng: Random, dark: str, light: str) -> str:
    x = rng.randrange(90, 520)
    return (
        f'<g transform="translate({x} {_HORIZON})"><path d="M-70 26q26 -34 74 -30q52 4 84 34z" fill="{dark}"/>'
        f'<path d="M-4 0l7 -116h18l7 116z" fill="{light}"/><path d="M0 -62h24l2 24h-28z" fill="{dark}" opacity=".8"/>'
        f'<rect x="1" y="-132" width="22" height="16" rx="2" fill="{dark}"/>'
        f'<path d="M-2 -132l14 -13l14 13z" fill="{dark}"/></g>'
    )


def _cranes(rng: Random, dark: str, light: str) -> str:
    x = rng.randrange(60, 380)
    crane = (
        f'<path d="M0 0V-104M26 0V-104M-58 -104H92M13 -104V-138M13 -138L-52 -104M13 -138L86 -104M-40 -104v34" '
        f'fill="none" stroke="{dark}" stroke-width="5"/><rect x="-52" y="-70" width="24" height="15" fill="{light}"/>'
    )
    quay = f'<rect x="-90" y="0" width="330" height="16" fill="{dark}"/>'
    return f'<g transform="translate({x} {_HORIZON + 6})">{quay}{crane}<g transform="translate(118 0)">{crane}</g></g>'


def _town(rng: Random, dark: str, light: str) -> str:
    x, houses = rng.randrange(40, 300), []
    for number in range(6):
        height = rng.randrange(38, 84)
        left, shade = number * 44, rng.choice((0.8, 0.9, 1))
        houses.append(
            f'<path d="M{left} 0v{-height}l20 -17l20 17v{height}z" fill="{dark}" opacity="{shade}"/>'
            f'<rect x="{left + 14}" y="{-height + 12}" width="11" height="13" fill="{light}" opacity=".85"/>'
        )
    return f'<g transform="translate({x} {_HORIZON + 8})">{"".join(houses)}</g>'


_SUBJECTS = (_boat, _lighthouse, _cranes, _town)
