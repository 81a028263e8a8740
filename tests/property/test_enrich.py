"""Whatever an event holds, enrichment neither raises nor breaks the rules of docs/semantics.md."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich import Enricher
from pipeline.enrich.page import page, split
from pipeline.event import PARSED_SCHEMA
from tests.unit.enriching import batch, column

TEXT = st.text(max_size=60)
ODD = st.text(alphabet="htps:/?#@[].%$&=;\\ \t\nutm_source-aÀ0", max_size=60)
LABEL = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
HOST = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PATH = st.lists(TEXT.map(lambda text: quote(text, safe="")), max_size=4).map(lambda parts: "/" + "/".join(parts))
READ = ("url", "path", "domain", "referrer", "referrer_domain", "ip", "user_agent", "client_hints", "modal_name")
ENRICHER = Enricher(None)


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(READ, TEXT | ODD)), max_size=4))
def test_nothing_raises_and_every_row_stands_alone(rows: list[dict[str, str]]) -> None:
    enriched = ENRICHER.apply(batch(*rows))
    assert enriched.schema == PARSED_SCHEMA
    assert enriched.to_pylist() == [ENRICHER.apply(batch(row)).to_pylist()[0] for row in rows]


@given(TEXT | ODD)
def test_an_event_with_a_url_has_a_path_and_a_domain_in_lower_case(url: str) -> None:
    path, domain = column(page(batch({"url": url})), "path", "domain")
    assert path is None if not url.strip() else path.startswith("/")
    assert domain is None or (domain == domain.lower() and not domain.endswith("."))


@given(HOST, st.none() | st.integers(0, 65535), PATH, st.none() | TEXT.map(quote))
def test_well_formed_addresses_are_read_as_the_standard_library_does(
    host: str, port: int | None, path: str, query: str | None
) -> None:
    url = f"https://{host}{'' if port is None else f':{port}'}{path}{'' if query is None else f'?{query}'}"
    standard = urlsplit(url)
    assert split(url) == (standard.hostname, standard.path, standard.query)
