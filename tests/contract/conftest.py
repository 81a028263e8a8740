"""One S3 server for all contract tests."""

from __future__ import annotations

from tests.support_s3 import s3_credentials, s3_server

__all__ = ["s3_credentials", "s3_server"]  # fixtures, found by name
