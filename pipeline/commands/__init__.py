"""The command line, one module a command (or a family of them).

Each module has `add_parser(subparsers)`, whose parsers set `run`: a function of (args, settings) that returns the
exit code.
"""
