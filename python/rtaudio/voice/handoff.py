"""A tool hands the talk over to another agent: what it may return for that.

return Billing()                                    the agent
return Billing(), "The caller has been verified."   and what models read as the tool's result
return Handoff(Billing(), history=last(6))          and what it is shown of the talk so far
"""

from __future__ import annotations

from dataclasses import dataclass

from rtaudio.voice.agent import Agent
from rtaudio.voice.history_policy import HistoryPolicy


@dataclass(frozen=True, slots=True)
class Handoff:
    """`agent` takes over. `message`: the tool's result, as models read it; None: that the talk was handed over.
    `history`: what the agent is shown of the talk so far; None: what `Agent.history` says."""

    agent: Agent
    message: str | None = None
    history: HistoryPolicy | None = None

    @property
    def text(self) -> str:
        """The tool's result."""
        return self.message if self.message is not None else f"The conversation was handed over to {self.agent.name}."


def handoff_of(value: object) -> Handoff | None:
    """What a tool returned, if it is one. Raises TypeError for what looks like one and is none."""
    if isinstance(value, Agent):
        return Handoff(value)
    parts = value if isinstance(value, tuple) else (value,)
    for kind in parts:
        if isinstance(kind, type) and issubclass(kind, Agent):
            raise TypeError(f"it returned the class {kind.__name__}: return an agent, {kind.__name__}()")
    if any(isinstance(part, Agent) for part in parts) and not (len(parts) == 2 and isinstance(parts[0], Agent)):
        raise TypeError("it returned a tuple with an Agent in it: a handoff is (agent, message), in this order")
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], Agent):
        agent, message = value
        if not isinstance(message, str):
            raise TypeError(f"it returned ({agent.name}, {type(message).__name__}): a handoff's message is text")
        return Handoff(agent, message)
    return value if isinstance(value, Handoff) else None
