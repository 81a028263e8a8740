"""The real clients against the real collector ("What real clients send", docs/wire.md)."""
