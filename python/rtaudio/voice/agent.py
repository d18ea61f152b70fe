"""What a voice agent is, apart from how it hears, thinks and speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rtaudio.voice.policies import Interruption


@dataclass(slots=True)
class Agent:
    """`instructions` go to the language model before the messages; `greeting` is said when the session begins.
    `greeting_interruption`: what the user's speech does to the greeting ("off" for what must be said, such as a legal
    notice); None: what `SessionOptions.interruption` says. `tools`: what the model may call (rtaudio.voice.tools):
    functions with @tool, objects with methods that have it, a Toolset."""

    instructions: str = ""
    greeting: str | None = None
    greeting_interruption: Interruption | None = None
    tools: Sequence[object] = ()
