"""Settings: typed, from two places, and wrong ones reported all together with the way to mend each."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import settings
from pipeline.errors import SettingsError
from pipeline.settings import SourceSpec


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(f"ACTIVITY_{name.upper()}", raising=False)


def test_defaults_need_nothing(tmp_path: Path) -> None:
    loaded = settings.load()
    assert loaded.landing_folder == tmp_path / "data" / "landing"
    assert loaded.all_sources == (SourceSpec(str(loaded.landing_folder), "activity"),)
    assert (loaded.timezone, loaded.retention_days, loaded.every) == ("UTC", 400, 15)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "activity.toml").write_text('timezone = "Europe/Paris"\nretention_days = 30\nevery = "1m"\n')
    monkeypatch.setenv("ACTIVITY_RETENTION_DAYS", "60")
    loaded = settings.load()
    assert (loaded.timezone, loaded.retention_days, loaded.every) == ("Europe/Paris", 60, 60)


def test_sources_from_the_environment_and_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_SOURCES", "s3://bucket/a#format=segment&name=shop, /srv/events")
    assert settings.load().sources == (SourceSpec("s3://bucket/a", "segment", "shop"), SourceSpec("/srv/events"))
    monkeypatch.delenv("ACTIVITY_SOURCES")
    (tmp_path / "activity.toml").write_text('sources = ["/a", {uri = "s3://b/c", format = "firehose"}]')
    assert settings.load().sources == (SourceSpec("/a"), SourceSpec("s3://b/c", "firehose"))


def test_all_problems_are_reported_together_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "activity.toml").write_text('retention = 3\ncustomer_url = "javascript:alert(1)"\n')
    monkeypatch.setenv("ACTIVITY_EVRY", "5")
    monkeypatch.setenv("ACTIVITY_TIMEZONE", "Europe/Pariss")
    monkeypatch.setenv("ACTIVITY_PORT", "many")
    monkeypatch.setenv("ACTIVITY_SOURCES", "gs://bucket")
    with pytest.raises(SettingsError) as caught:
        settings.load()
    problems = {name: f"{what} {fix}" for name, what, fix in caught.value.problems}
    assert problems.keys() == {
        "ACTIVITY_EVRY",
        "ACTIVITY_TIMEZONE",
        "ACTIVITY_PORT",
        "ACTIVITY_SOURCES",
        "ACTIVITY_CUSTOMER_URL",
        "retention in activity.toml",
    }
    assert "'ACTIVITY_EVERY'" in problems["ACTIVITY_EVRY"]
    assert "'Europe/Paris'" in problems["ACTIVITY_TIMEZONE"]
    assert "'retention_days'" in problems["retention in activity.toml"]
    assert "s3://bucket/prefix" in problems["ACTIVITY_SOURCES"]
    assert all(name in str(caught.value) for name in problems)


@pytest.mark.parametrize(
    "source", ["s3://", "http://x/y", "s3://b/c#format=csv", "s3://b/c#colour=red", "s3://b/c#format"]
)
def test_a_wrong_source_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        SourceSpec.parse(source)


def test_broken_toml_and_a_missing_file_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "activity.toml").write_text("timezone = ")
    with pytest.raises(SettingsError, match="not valid TOML"):
        settings.load()
    monkeypatch.setenv("ACTIVITY_CONFIG", str(tmp_path / "elsewhere.toml"))
    with pytest.raises(SettingsError, match="does not exist"):
        settings.load()


@pytest.mark.parametrize(("text", "seconds"), [("15", 15), ("15s", 15), ("2m", 120), ("1h", 3600), ("0.5", 0.5)])
def test_durations(text: str, seconds: float) -> None:
    assert settings.parse_duration(text) == seconds


def test_the_users_geo_database_comes_before_the_demos(tmp_path: Path) -> None:
    loaded = settings.load()
    assert loaded.geo_path is None
    loaded.geo.mkdir(parents=True)
    (loaded.geo / "demo.mmdb").touch()
    assert loaded.geo_path == loaded.geo / "demo.mmdb"
    (loaded.geo / "GeoLite2-City.mmdb").touch()
    assert loaded.geo_path == loaded.geo / "GeoLite2-City.mmdb"
