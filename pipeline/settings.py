"""Settings: by environment (`ACTIVITY_…`) or `activity.toml`, typed, and wrong ones reported all together.

The environment wins over the file, the file over the defaults. An unknown name is a problem too, since a setting
with a typing error is a setting that silently does nothing. Credentials are no settings of ours: boto3's own chain
(environment, profile, instance role) finds them; the one secret here, a webhook's address, prints as stars.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import SettingsError, did_you_mean

Format = Literal["auto", "activity", "segment", "rudderstack", "firehose"]
FORMATS: tuple[Format, ...] = get_args(Format)
PREFIX = "ACTIVITY_"
CONFIG_FILE = "activity.toml"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where events come from: a folder, a file or `s3://bucket/prefix`; its format; a name for what it holds.

    In one text, options follow a `#`: `s3://bucket/prefix#format=segment&name=shop`.
    """

    uri: str
    format: Format = "auto"
    name: str = ""

    @classmethod
    def parse(cls, text: str | Mapping[str, str]) -> Self:
        """Read one source; `ValueError` says what is wrong with it."""
        if not isinstance(text, str | Mapping):
            raise ValueError(f"{text!r} is no source; write a text, or a table with uri, format and name")
        if isinstance(text, str):
            uri, _, options = text.strip().partition("#")
            fields = {"uri": uri, **dict(parse_qsl(options, keep_blank_values=True, strict_parsing=bool(options)))}
        else:
            fields = dict(text)
        unknown = fields.keys() - {"uri", "format", "name"}
        if unknown:
            raise ValueError(f"a source has uri, format and name, not {', '.join(sorted(unknown))}")
        uri, name = fields.get("uri", ""), fields.get("name", "")
        scheme, separator, rest = uri.partition("://")
        if not uri or (separator and (scheme not in {"s3", "file"} or not rest)):
            raise ValueError(f"{uri!r} is neither a folder, a file, nor s3://bucket/prefix")
        return cls(uri=uri, format=_format(fields.get("format", "auto")), name=name)


def _format(text: str) -> Format:
    if text not in FORMATS:
        raise ValueError(f"{text!r} is no format; use one of {', '.join(FORMATS)}")
    return text


class Settings(BaseSettings):
    """All settings, resolved: paths absolute, numbers in the units their descriptions name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    data: Path = Field(Path("data"), description="Folder for everything kept: `landing/`, `lake/`, `geo/`.")
    sources: Annotated[tuple[SourceSpec, ...], NoDecode] = Field(
        (),
        description="Folders and `s3://bucket/prefix`, comma-separated; `#format=segment&name=shop` may follow each. "
        "Default: the `landing/` folder.",
    )
    landing: str = Field(
        "",
        description="Where the collector puts events: a folder or `s3://bucket/prefix`. Default: `landing/` in data.",
    )
    s3_endpoint_url: str | None = Field(None, description="For an S3 that is not Amazon's (MinIO, SeaweedFS, R2, …).")
    s3_region: str | None = Field(None, description="The bucket's region, when boto3's own chain does not know it.")
    timezone: str = Field("UTC", description="The one time zone shown everywhere, by its IANA name.")
    retention_days: int = Field(
        400, ge=0, description="Events older than this many days are removed, and not loaded; 0 keeps all."
    )
    geo_database: Path | None = Field(
        None, description="A MaxMind DB (GeoLite2, GeoIP2, DB-IP). Default: the newest `*.mmdb` in `geo/`."
    )
    customer_url: str | None = Field(
        None, description="A link into your own CRM, with `{customer_id}` where the id goes."
    )
    every: float = Field(
        15.0, gt=0, le=3600, description="Seconds between two looks at the sources (also `15s`, `1m`)."
    )
    batch_events: int = Field(
        100_000, ge=1_000, description="Events inserted at once, a quarter of a batch; bounds memory."
    )
    dedupe_days: int = Field(30, ge=1, description="Two copies of an event count once if their times lie this close.")
    max_line_bytes: int = Field(1_000_000, ge=1_000, description="A longer line is rejected.")
    max_nesting: int = Field(100, ge=5, le=200, description="A line nested deeper is rejected.")
    max_object_bytes: int = Field(8_000_000_000, ge=1_000_000, description="An object inflating to more is rejected.")
    workers: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, description="Processes that parse.")
    memory_limit_mb: int = Field(700, ge=200, description="What DuckDB may use in a process, in MB.")
    merge_every: int = Field(40, ge=1, description="Batches between two merges of small files.")
    expire_hours: int = Field(24, ge=1, description="How long old snapshots, and links to them, stay readable.")
    backup_days: int = Field(7, ge=1, description="How long the daily backups of the lake's catalog are kept.")
    late_after: int = Field(180, ge=10, description="Seconds after which a page says that the data is behind.")
    log: Literal["auto", "text", "json"] = Field(
        "auto", description="How `run` tells what it does: `text`, `json` (a line each), or `auto`: text to a terminal."
    )
    metrics_address: str | None = Field(
        None, description="Where `run` serves `/metrics` for Prometheus, such as `127.0.0.1:9108`. Default: nowhere."
    )
    alert_url: SecretStr | None = Field(
        None, description="A webhook that is told when the data is late, much is rejected, or the ledger is wrong."
    )
    alert_lag: int | None = Field(
        None, ge=10, description="Seconds the data may be behind before an alert. Default: `ACTIVITY_LATE_AFTER`."
    )
    alert_rejected: float = Field(
        0.05, ge=0, le=1, description="Share of an hour's lines or objects that may be rejected before an alert."
    )
    port: int = Field(8501, ge=1, le=65535, description="The port `make run` serves on.")
    mount_collector: bool = Field(
        False, description="Serve the collector on the dashboard's port, too; `make run` turns it on."
    )
    collect_port: int = Field(8502, ge=1, le=65535, description="The port of `python -m pipeline collect`.")
    collector_url: str | None = Field(
        None, description="The collector's public address, for snippets. Default: the address of the page itself."
    )
    linger_ms: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="How long the collector gathers events for one object. Default: 200 for a folder, 1000 for S3.",
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="Networks whose `X-Forwarded-For` the collector believes, such as `10.0.0.0/8`; default: none."
    )
    key_events_per_second: int = Field(
        5_000, ge=1, description="What one write key may send, in events a second; beyond it, 429."
    )
    max_body_bytes: int = Field(
        4_000_000, ge=1_000, description="A request body larger than this, also when inflated, is refused (413)."
    )
    max_event_bytes: int = Field(
        65_536, ge=1_000, description="A longer event is refused (413); one among others of a batch is rejected alone."
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _read_sources(cls, value: Any) -> tuple[SourceSpec, ...]:
        items = value.replace("\n", ",").split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise ValueError("is a list of sources, each a text or a table with uri, format and name")
        return tuple(
            item if isinstance(item, SourceSpec) else SourceSpec.parse(item)
            for item in items
            if not isinstance(item, str) or item.strip()
        )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("landing")
    @classmethod
    def _store(cls, value: str) -> str:
        if not value or value.startswith("s3://"):
            return SourceSpec.parse(value).uri.rstrip("/") if value else ""
        if "://" in value:
            raise ValueError(f"{value!r} is neither a folder nor s3://bucket/prefix")
        return str(Path(value).expanduser().absolute())

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        known = available_timezones()
        if value not in known:
            raise ValueError(
                f"{value!r} is no IANA time zone, such as Europe/Paris. {did_you_mean(value, known)}".rstrip()
            )
        return value

    @field_validator("collector_url")
    @classmethod
    def _base(cls, value: str | None) -> str | None:
        if value is not None and (not value.startswith(("http://", "https://")) or set(value) & set(" ?#\"'<>")):
            raise ValueError("needs an http(s) address without a query, such as https://events.example.com")
        return None if value is None else value.rstrip("/")

    @field_validator("metrics_address")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        host, _, port = (value or "").rpartition(":")
        if value is not None and not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"{value!r} is no address with a port, such as 127.0.0.1:9108")
        return value

    @field_validator("alert_url")
    @classmethod
    def _webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("needs an http(s) address")  # not quoted: what a webhook's address holds is a secret
        return value

    @field_validator("customer_url")
    @classmethod
    def _link_template(cls, value: str | None) -> str | None:
        if value is not None and ("{customer_id}" not in value or not value.startswith(("http://", "https://"))):
            raise ValueError("needs an http(s) address with {customer_id} in it")
        return value

    @field_validator("every", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return parse_duration(value) if isinstance(value, str) else value

    @field_validator("data", "geo_database")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    def make_data_folder(self) -> None:
        """Create the data folder, and the landing folder, where missing. Raises `SettingsError` when impossible."""
        _make_folder("DATA", self.data)
        if not self.landing.startswith("s3://"):
            _make_folder("LANDING" if self.landing else "DATA", Path(self.landing_uri))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def loading_threads(self) -> int:
        """DuckDB's threads in a process that loads: the cores belong to the parsers, and each thread writes files.

        Two threads took a third more processor time than one for the same rows, and made twice the files.
        """
        return max(1, self.workers // 2)

    @property
    def landing_folder(self) -> Path:
        """The landing folder in the data folder; events are there unless `landing` names another place."""
        return self.data / "landing"

    @property
    def landing_uri(self) -> str:
        return self.landing or str(self.landing_folder)

    @property
    def lake(self) -> Path:
        return self.data / "lake"

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def geo(self) -> Path:
        return self.data / "geo"

    @property
    def geo_path(self) -> Path | None:
        """The geo database in use: the one named, else the newest in `geo/` (the demo's only when it is alone)."""
        if self.geo_database is not None:
            return self.geo_database
        found = sorted(self.geo.glob("*.mmdb"), key=lambda path: (path.name != "demo.mmdb", path.stat().st_mtime))
        return found[-1] if found else None

    @property
    def all_sources(self) -> tuple[SourceSpec, ...]:
        """The sources to poll: those configured, and where the collector puts events unless one of them covers it."""
        uri = self.landing_uri
        covered = any(f"{uri}/".startswith(f"{source.uri.rstrip('/')}/") for source in self.sources)
        return self.sources if covered else (*self.sources, SourceSpec(uri, "activity"))


def _make_folder(name: str, path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"names {path}, which cannot be created: {error.strerror}."
        raise SettingsError([(f"{PREFIX}{name}", what, "Name a folder that this user may write.")]) from None


def config_file() -> Path:
    return Path(os.environ.get(f"{PREFIX}CONFIG", CONFIG_FILE))


def load(**overrides: Any) -> Settings:
    """Read the settings. Raises `SettingsError` with every problem found, by name, and how to mend each."""
    problems = [*_unknown_names()]
    try:
        settings = Settings(**overrides)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        raise SettingsError(problems) from None  # said already, of the file
    except ValidationError as error:
        problems += [_problem(item) for item in error.errors() if item["type"] != "extra_forbidden"]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def _unknown_names() -> list[tuple[str, str, str]]:
    known = set(Settings.model_fields)
    given = [name for name in os.environ if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG"]
    problems = [
        (name, "is no setting.", did_you_mean(name, [f"{PREFIX}{each.upper()}" for each in known]) or "Remove it.")
        for name in given
        if name.removeprefix(PREFIX).lower() not in known
    ]
    path = config_file()
    if path.exists():
        try:
            in_file = tomllib.loads(path.read_text())
        except OSError as error:
            return [*problems, (str(path), f"cannot be read: {error.strerror}.", "It must be a TOML file.")]
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            return [*problems, (str(path), f"is not valid TOML: {error}.", "Mend that line.")]
        problems += [
            (f"{name} in {path.name}", "is no setting.", did_you_mean(name, known) or "Remove it.")
            for name in in_file
            if name not in known
        ]
    elif f"{PREFIX}CONFIG" in os.environ:
        problems.append((f"{PREFIX}CONFIG", f"names {path}, which does not exist.", "Create it or unset the name."))
    return problems


def _problem(item: Mapping[str, Any]) -> tuple[str, str, str]:
    name = str(item["loc"][0])
    field = Settings.model_fields.get(name)
    message = str(item["msg"]).removeprefix("Value error, ")
    return (
        f"{PREFIX}{name.upper()}",
        f"{message[:1].lower()}{message[1:]}.".replace("..", "."),
        (f"({field.description})" if field is not None and field.description else ""),
    )


def parse_duration(text: str) -> float:
    """Seconds from `15`, `15s`, `2m` or `1h`; `ValueError` otherwise."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        return float(number) * units[unit]
    except ValueError:
        raise ValueError(f"{text!r} is no duration; write 15s, 2m or 1h") from None
