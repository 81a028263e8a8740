"""What the collector says no to, as its clients read it.

    400  body.…       the body cannot be read: not JSON, not a batch, broken gzip
    401  key.…        no write key, or one that is unknown or revoked
    403  key.origin   a key of other pages; key.secret: a server's key in a page
    408  body.slow    the body took too long
    413  body.large   … larger than the cap, also when inflated; event.large: a single event that is
    415  body.encoded compressed in a way that is not gzip
    429  key.rate     more than the key may send; Retry-After says when again
    503  store.…      the landing store cannot be written now, or too much waits for it; Retry-After says when again

A client drops what is answered with 400 to 415, and sends again what is answered with 429 and 503.
"""

from __future__ import annotations


class Refused(Exception):
    """Raised within the collector only; it becomes an answer. `retry_after` is in seconds."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
