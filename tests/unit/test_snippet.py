from __future__ import annotations

from pipeline.snippet import snippet


def test_two_lines_that_load_the_script_with_its_key() -> None:
    stub, tag = snippet("https://collect.example/", "wk_abc").splitlines()
    assert stub.startswith("<script>")
    assert stub.endswith("</script>")
    assert tag == '<script async src="https://collect.example/activity.js" data-key="wk_abc"></script>'


def test_nothing_breaks_out_of_the_tag() -> None:
    _, tag = snippet('https://collect.example/"><b>', "wk_'\"><i>&").splitlines()
    assert tag.count("<") == 2
    assert tag == (
        '<script async src="https://collect.example/&quot;&gt;&lt;b&gt;/activity.js"'
        ' data-key="wk_&#x27;&quot;&gt;&lt;i&gt;&amp;"></script>'
    )
