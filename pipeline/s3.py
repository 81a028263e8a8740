"""S3, for whoever reads or writes it: the client, and what botocore says in the reader's words. The only place that
knows boto3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import boto3
import botocore.exceptions as problems
import botocore.session
from botocore.config import Config
from botocore.utils import parse_timestamp

from pipeline.errors import ActivityError, ObjectGone, ObjectRejected, SourceError

CONNECT_SECONDS = 5
READ_SECONDS = 30
ATTEMPTS = 4

_CREDENTIALS = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile or the role the pipeline runs with."

# S3's error codes → (our code, what is wrong, how to mend it); {bucket} and {endpoint} are filled in.
_ANSWERS: dict[str, tuple[str, str, str]] = {
    "NoSuchBucket": (
        "source.no_bucket",
        "There is no bucket {bucket!r} at {endpoint}.",
        "Check its name, and ACTIVITY_S3_ENDPOINT_URL if it is not Amazon's.",
    ),
    "InvalidBucketName": ("source.no_bucket", "{bucket!r} is no bucket name.", "Write s3://bucket/prefix."),
    "AccessDenied": (
        "source.denied",
        "S3 denies access to the bucket {bucket!r}.",
        "Allow s3:ListBucket on the bucket and s3:GetObject on its objects (and kms:Decrypt if they are encrypted); "
        "a collector needs s3:PutObject.",
    ),
    "InvalidAccessKeyId": ("source.credentials", "S3 does not know the access key id in use.", _CREDENTIALS),
    "SignatureDoesNotMatch": ("source.credentials", "S3 refuses the secret key in use.", _CREDENTIALS),
    "ExpiredToken": ("source.credentials", "The session token in use has expired.", "Sign in again, or renew it."),
    "InvalidToken": ("source.credentials", "S3 refuses the session token in use.", "Sign in again, or renew it."),
    "RequestTimeTooSkewed": (
        "source.clock",
        "This machine's clock is too far off for S3.",
        "Set it by NTP.",
    ),
    "PermanentRedirect": (
        "source.region",
        "The bucket {bucket!r} is in another region.",
        "Set ACTIVITY_S3_REGION to the bucket's region.",
    ),
    "SlowDown": ("source.busy", "S3 asks to slow down.", "It is tried again by itself."),
    "ServiceUnavailable": ("source.busy", "{endpoint} is not available now.", "It is tried again by itself."),
    "InternalError": ("source.busy", "{endpoint} failed inside.", "It is tried again by itself."),
}
_SAME = {
    "403": "AccessDenied",
    "AllAccessDisabled": "AccessDenied",
    "AccountProblem": "AccessDenied",
    "ExpiredTokenException": "ExpiredToken",
    "TokenRefreshRequired": "ExpiredToken",
    "AuthorizationHeaderMalformed": "PermanentRedirect",
    "IllegalLocationConstraintException": "PermanentRedirect",
    "301": "PermanentRedirect",
    "503": "ServiceUnavailable",
    "500": "InternalError",
}
_GONE = {
    "NoSuchKey": "was deleted after it was listed",
    "NoSuchVersion": "was deleted after it was listed",
    "404": "was deleted after it was listed",
    "PreconditionFailed": "was overwritten after it was listed",
    "412": "was overwritten after it was listed",
}


def open_client(
    endpoint_url: str | None, region: str | None, *, attempts: int = ATTEMPTS, read_seconds: int = READ_SECONDS
) -> Any:
    """boto3's client. Raises `SourceError` for an endpoint or a region that cannot be one."""
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "max_attempts": attempts},
        # A server of one's own rarely has a host name for every bucket.
        s3={"addressing_style": "path" if endpoint_url else "auto"},
    )
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    try:
        session = boto3.session.Session(botocore_session=core)
        return session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
    except ValueError as error:  # from botocore, for an endpoint that is no URL or a region that is no name
        raise SourceError(
            f"S3 cannot be used: {error}",
            hint="ACTIVITY_S3_ENDPOINT_URL is like https://host:9000, ACTIVITY_S3_REGION like eu-west-1.",
            code="source.endpoint",
        ) from None


def _time(value: Any) -> datetime:
    """A time of an answer. botocore's own parser, which knows all ways to write one, took more time than all else of a
    listing: 0.1 s for a thousand keys."""
    if isinstance(value, str) and value.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    parsed: datetime = parse_timestamp(value)
    return parsed


@contextmanager
def translated(bucket: str, endpoint: str | None, key: str | None = None) -> Iterator[None]:
    """Raise what boto3 raises within as `SourceError`, of the object `key` as `ObjectGone` or `ObjectRejected`."""
    try:
        yield
    except problems.ClientError as error:
        raise _answer(error, bucket, endpoint, key) from None
    except (problems.NoCredentialsError, problems.PartialCredentialsError, problems.CredentialRetrievalError) as error:
        raise SourceError(
            f"There are no S3 credentials: {error}.", hint=_CREDENTIALS, code="source.credentials"
        ) from None
    except (problems.ProfileNotFound, problems.TokenRetrievalError, problems.SSOError) as error:
        raise SourceError(
            f"The AWS profile cannot be used: {error}.", hint=_CREDENTIALS, code="source.credentials"
        ) from None
    except problems.ParamValidationError:
        raise _known("InvalidBucketName", bucket, endpoint) from None
    except (problems.HTTPClientError, problems.ConnectionError, problems.IncompleteReadError) as error:
        # Not their text: it repeats the whole URL asked for, with what the endpoint's may hold of credentials.
        raise SourceError(
            f"{_place(endpoint)} cannot be reached, or the connection broke off ({type(error).__name__}).",
            hint="Check the network and ACTIVITY_S3_ENDPOINT_URL; it is tried again by itself.",
            code="source.unreachable",
        ) from None
    except problems.BotoCoreError as error:
        raise SourceError(
            f"S3 cannot be used: {_first_line(error)}",
            hint="Check ACTIVITY_S3_ENDPOINT_URL (https://…) and ACTIVITY_S3_REGION.",
            code="source.unavailable",
        ) from None


def _answer(error: problems.ClientError, bucket: str, endpoint: str | None, key: str | None) -> ActivityError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if key is not None and code in _GONE:
        return ObjectGone(f"The object {key!r} {_GONE[code]}.")
    if key is not None and code == "InvalidObjectState":
        return ObjectRejected(
            f"The object {key!r} is archived in Glacier.", hint="Restore it, then load it.", code="object.archived"
        )
    code = _SAME.get(code, "NoSuchBucket" if code == "404" else code)
    if code in _ANSWERS:
        return _known(code, bucket, endpoint)
    return SourceError(
        f"S3 answers {code or 'an error'}: {_first_line(error)}",
        hint="See `python -m pipeline doctor`.",
        code="source.unavailable",
    )


def _known(code: str, bucket: str, endpoint: str | None) -> SourceError:
    ours, message, hint = _ANSWERS[code]
    return SourceError(message.format(bucket=bucket, endpoint=_place(endpoint)), hint=hint, code=ours)


def _place(endpoint: str | None) -> str:
    """The endpoint without what a URL may hold of credentials."""
    scheme, _, rest = (endpoint or "https://Amazon S3").partition("://")
    host = rest.rpartition("@")[2]
    return f"{scheme}://{host}" if endpoint else host


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
