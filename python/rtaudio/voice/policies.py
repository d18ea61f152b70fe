"""What the user's speech does to the agent's: one policy for each utterance of the agent.

    policy           the user speaks while the agent does                            what the user said is answered
    off              nothing changes                                                 after the utterance
    duck_only        the agent is softer while they do                               after the utterance
    pause            the agent waits while they do, then goes on                     after the utterance
    after_sentence   the agent comes to the end of its sentence, the rest is cut     then
    immediate        the agent is ducked, paused and cut as the evidence grows       at once

The core acts on it (csrc/barge.h); whatever the policy, the user's words are recognised, come into the history, and are
answered once (law 10), but for backchannels.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Interruption = Literal["off", "duck_only", "pause", "after_sentence", "immediate"]
INTERRUPTIONS: Final[tuple[Interruption, ...]] = get_args(Interruption)
Priority = Literal["low", "normal", "high", "now"]
"""When the agent says what the program wants said; see rtaudio.voice.speech_queue."""


def checked(interruption: Interruption | None, where: str) -> None:
    """Raises ValueError for what is no policy."""
    if interruption is not None and interruption not in INTERRUPTIONS:
        raise ValueError(f"{where}: {interruption!r} is no interruption policy; there are {', '.join(INTERRUPTIONS)}")


def checked_priority(priority: Priority, where: str) -> None:
    """Raises ValueError for what is no priority."""
    if priority not in get_args(Priority):
        raise ValueError(f"{where}: {priority!r} is no priority; there are {', '.join(get_args(Priority))}")
