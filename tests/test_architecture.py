"""The house rules, held by a test: who may import whom, and that nothing is left undocumented ("The house" in
docs/design.md)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pipeline.__main__ import COMMANDS
from pipeline.commands.fields import reference
from pipeline.event import FIELDS
from pipeline.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "app.py"])

# Part → the parts of ours it may import, beside itself. What is not listed here may import anything of ours.
BASE = {"pipeline.event", "pipeline.errors", "pipeline.settings", "pipeline.words"}
ALLOWED: dict[str, set[str]] = {
    "pipeline.event": set(),
    "pipeline.errors": set(),
    "pipeline.words": set(),
    "pipeline.settings": {"pipeline.errors"},
    "pipeline.state": BASE,
    "pipeline.lake": BASE,
    "pipeline.landing": set(),
    "pipeline.s3": BASE,
    "pipeline.sources": {*BASE, "pipeline.s3", "pipeline.landing"},
    "pipeline.collect": {*BASE, "pipeline.state", "pipeline.s3", "pipeline.landing"},
    "pipeline.enrich": BASE,
    "pipeline.questions": {*BASE, "pipeline.lake"},
    "pipeline.demo": {*BASE, "pipeline.state", "pipeline.landing", "pipeline.snippet"},
    "pipeline.raw": {*BASE, "pipeline.sources", "pipeline.lake"},
    "pipeline.watch": {*BASE, "pipeline.lake", "pipeline.questions", "pipeline.state"},
    "pipeline.snippet": set(),
    "pages": {
        *BASE,
        *("pages", "pipeline.questions", "pipeline.lake", "pipeline.state", "pipeline.raw", "pipeline.snippet"),
    },
    "app": {*BASE, "pages", "pipeline.mounted"},
    "pipeline.mounted": {*BASE, "pipeline.collect", "pipeline.demo"},
}
# Foreign libraries that only one part may know.
KEPT_IN = {
    "duckdb": {"pipeline.lake"},
    "boto3": {"pipeline.s3"},
    "botocore": {"pipeline.s3"},
    "streamlit": {"pages", "app"},
    "sqlalchemy": {"pipeline.state"},
    "geoip2": {"pipeline.enrich"},
    "maxminddb": {"pipeline.enrich"},
}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _part(module: str) -> str:
    if module == "pages" or module.startswith("pages."):
        return "pages"
    return ".".join(module.split(".")[:2])


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports hide where things come from"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_point_inward(path: Path) -> None:
    module = _name(path)
    part = _part(module)
    for imported in _imports(path):
        library = imported.partition(".")[0]
        if library in KEPT_IN:
            assert part in KEPT_IN[library], f"{module} imports {imported}; only {KEPT_IN[library]} may"
        if library in {"pipeline", "pages", "tests", "app"} and part in ALLOWED:
            target = _part(imported)
            assert target == part or target in ALLOWED[part], f"{module} must not import {imported}"


def test_page_scripts_do_not_lie_directly_in_pages() -> None:
    """A fresh server given a deep link would run them without app.py, and so without its access guard."""
    assert [path.name for path in (ROOT / "pages").glob("*.py")] == ["__init__.py"]


def test_every_setting_is_documented() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        row = next((line for line in readme.splitlines() if line.startswith(f"| `{PREFIX}{name.upper()}` |")), "")
        assert row.endswith(f"| {field.description} |"), f"the README's settings table lacks {PREFIX}{name.upper()}"


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z_0-9]+)", (ROOT / "README.md").read_text()))
    assert named <= {name.upper() for name in Settings.model_fields} | {"CONFIG"}


def test_every_field_is_documented() -> None:
    assert all(field.help for field in FIELDS)
    committed = (ROOT / "docs" / "fields.md").read_text()
    assert committed == reference(), "write it again: python -m pipeline fields > docs/fields.md"


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in COMMANDS:
        assert f"python -m pipeline {command}" in readme, command


def test_locks_name_no_index_and_carry_hashes() -> None:
    for name in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        packages = re.findall(r"^[a-z0-9].*==", text, flags=re.MULTILINE)
        assert len(packages) > 50
        assert text.count(" \\\n    --hash=sha256:") >= len(packages)


def test_no_package_is_in_both_locks() -> None:
    """Both are installed at the same time."""
    product, tests = (
        set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), flags=re.MULTILINE))
        for name in ("requirements.lock", "requirements-test.lock")
    )
    assert product.isdisjoint(tests)
    assert {"streamlit", "duckdb"} <= product
    assert {"pytest", "mypy", "playwright"} <= tests
