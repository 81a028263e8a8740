"""A callback runs for a change, and not for a value that the browser sends once more."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from pages.parts.changed import when_changed

    def chosen() -> None:
        st.session_state["heard"] = [*st.session_state["heard"], st.session_state["by"]]

    st.session_state.setdefault("heard", [])
    if "gone" not in st.query_params:
        st.session_state["by"] = "Day"
        st.selectbox("By", ["Day", "Week"], key="by", on_change=when_changed("by", chosen))


def _heard(page: AppTest) -> list[str]:
    heard: list[str] = page.session_state["heard"]
    return heard


def test_a_change_is_heard() -> None:
    page = AppTest.from_function(_page).run()
    page.selectbox(key="by").select("Week").run()
    assert _heard(page) == ["Week"]


def test_so_is_taking_it_back_before_the_page_is_drawn_again() -> None:
    def page() -> None:
        import streamlit as st

        from pages.parts.changed import when_changed

        st.session_state["by"] = "Day"
        st.session_state["heard"] = []
        chosen = when_changed("by", lambda: st.session_state["heard"].append(st.session_state["by"]))
        for value in ("Week", "Day", "Day"):
            st.session_state["by"] = value
            chosen()

    assert _heard(AppTest.from_function(page).run()) == ["Week", "Day"]


def test_what_the_browser_sends_of_a_widget_that_is_gone_is_no_change() -> None:
    page = AppTest.from_function(_page).run()
    as_it_was = page._tree.get_widget_states()
    page.query_params["gone"] = "1"
    page.run()
    page._run(as_it_was)
    assert _heard(page) == []
