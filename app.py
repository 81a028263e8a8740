"""The dashboard: ASGI application when a server imports it, the frame of every page when Streamlit runs it.

`streamlit run app.py` and `uvicorn app:app` both serve it.
"""

from __future__ import annotations

import streamlit as st

from pages.parts.component import ASSETS

PAGES = (
    ("activity", "Activity", ""),
    ("funnel", "Funnels", "funnels"),
    ("customer", "Customers", "customers"),
    ("health", "Pipeline", "pipeline"),
    ("install", "Install", "install"),
)
AUDIT = ("audit", "Audit log", "audit")  # of owners, who come to it by what says who they are

if __name__ == "__main__":
    from pages.parts.frame import VIEWS, open_frame

    pages = [st.Page(VIEWS / f"{name}.py", title=title, url_path=path, default=not path) for name, title, path in PAGES]
    pages.append(st.Page(VIEWS / f"{AUDIT[0]}.py", title=AUDIT[1], url_path=AUDIT[2], visibility="hidden"))
    page = st.navigation(pages, position="top")
    # No icons on the pages: Streamlit would fetch each as a favicon from a font server. assets/app.css draws them.
    st.set_page_config(page_title=f"{page.title} · Customers Activity", page_icon=ASSETS / "favicon.svg", layout="wide")
    open_frame()
    page.run()
else:
    import logging
    import os
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager

    from starlette.middleware import Middleware
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles
    from streamlit.runtime.pages_manager import PagesManager

    # Arrow's allocator would keep 2 MB for each small piece that stays; it reads this as pyarrow is first imported, by
    # what is imported below.
    os.environ.setdefault("MIMALLOC_ALLOW_THP", "0")
    # Streamlit warns of each cache that is declared before it runs, as all here are.
    logging.getLogger("streamlit.runtime.caching.cache_data_api").addFilter(
        lambda record: not record.getMessage().startswith("No runtime found")
    )
    from pages.parts import download, prepare
    from pages.parts.access.gate import Gate
    from pages.parts.access.wanted import Wanted
    from pages.parts.headers import SecurityHeaders
    from pages.parts.health import files
    from pages.parts.idle import memory_given_back
    from pages.parts.installed import catalog_held, open_ahead
    from pages.parts.limits import Limits
    from pages.parts.notice import explain
    from pages.parts.unexpected import quieten
    from pipeline.mounted import mounted

    # Else Streamlit takes the folder pages/ for its own kind of pages until the first run of st.navigation, and tells
    # whoever opens a deep link on a fresh server that there is no such page.
    PagesManager.uses_pages_directory = False
    quieten()
    beside = mounted()
    paths = [f"/{path}" for _, _, path in (*PAGES, AUDIT) if path]

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        async with prepare.jobs_kept(), beside.running(), memory_given_back():
            with catalog_held():
                open_ahead()
                yield

    app = st.App(
        __file__,
        routes=[
            *download.ROUTES,
            *prepare.ROUTES,
            *files.ROUTES,
            *beside.routes,
            Mount("/assets", StaticFiles(directory=ASSETS)),
        ],
        lifespan=lifespan,
        on_script_error=explain,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Limits, beside=beside),
            Middleware(Gate, pages=paths, beside=beside),
            Middleware(Wanted, pages=paths),
        ],
    )
