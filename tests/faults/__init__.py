"""The fault harness: the promise "an accepted event appears exactly once", tried under every fault we could think of.

A `Producer` lands objects and keeps a ledger of its own of what it landed; the real pipeline runs as a process of its
own (`victim.py`, with points at which it can be killed or held) over a folder or a real S3 server; a `Reader` process
asks for list, count and export all the while; a fault happens; everything recovers; `checks.py` compares the lake with
the producer's ledger.

`make faults` tries every fault at 20 seeded points, over both places; `make test` at one, over one.
`python -m tests.faults.soak` goes on for an hour.
"""
