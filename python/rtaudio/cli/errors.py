"""What a command tells its user when it cannot do what was asked."""

from __future__ import annotations


class CommandError(Exception):
    """The message says what is wrong, where, and what to do; it is printed without a traceback."""
