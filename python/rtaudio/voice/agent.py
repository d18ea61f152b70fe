"""What a voice agent is, apart from how it hears, thinks and speaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Agent:
    """`instructions` go to the language model before the messages; `greeting` is said when the session begins."""

    instructions: str = ""
    greeting: str | None = None
