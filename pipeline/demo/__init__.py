"""The demo: a believable news site that never was, written as the objects a collector would have landed.

Everything follows from a `Plan`: the same plan gives the same bytes. Nobody in it exists; domains are example.com,
.net and .org, addresses come from the ranges reserved for benchmarks and documentation.
"""
