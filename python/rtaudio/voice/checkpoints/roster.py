"""Agents by import path, `module:qualname`: those that the program names, and no others. A file can only choose among
them; nothing is imported because a file says so.
"""

from __future__ import annotations

import importlib
import typing
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from rtaudio.voice.agent import Agent
from rtaudio.voice.checkpoints.form import NULL, CheckpointError
from rtaudio.voice.checkpoints.schema import from_plain, to_plain


@runtime_checkable
class Checkpointed(Protocol):
    """An agent with state of its own. `checkpoint_state` gives it, as a msgspec Struct, a dataclass or a pydantic
    model; its return annotation is the type by which it is read again. `from_checkpoint` makes the agent anew."""

    def checkpoint_state(self) -> Any: ...

    @classmethod
    def from_checkpoint(cls, state: Any) -> Agent: ...


class Roster:
    """`allowed`: classes of agents, and paths "module:name" of classes and of objects of modules. Raises
    CheckpointError for what is no agent."""

    def __init__(self, allowed: Sequence[type[Agent] | str]) -> None:
        self._known: dict[str, type[Agent] | Agent] = {}
        for one in allowed:
            if isinstance(one, str):
                self._known[one] = _load(one)
            elif isinstance(one, type) and issubclass(one, Agent):
                self._known[f"{one.__module__}:{one.__qualname__}"] = one
            else:
                raise CheckpointError(
                    f"{one!r}: name an agent by its class, or by its path 'module:name' where it is an object"
                )

    def record(self, agent: Agent) -> tuple[str, msgspec.Raw]:
        """(its path, its state). Raises CheckpointError for one that is not known."""
        for path, known in self._known.items():
            if known is agent:
                return path, msgspec.Raw(NULL)
        for path, known in self._known.items():
            if known is type(agent):
                state = agent.checkpoint_state() if isinstance(agent, Checkpointed) else None
                return path, to_plain(state, f"the state of agent {agent.name}")
        raise CheckpointError(
            f"agent {agent.name} ({type(agent).__module__}:{type(agent).__qualname__}) cannot be written down: name "
            "its class in Checkpoints(agents=...), or its path where it is an object of a module; known are "
            f"{sorted(self._known)}"
        )

    def make(self, path: str, state: msgspec.Raw) -> Agent:
        """The agent. Raises CheckpointError: it is not known, or cannot be made."""
        known = self._known.get(path)
        if known is None:
            raise CheckpointError(
                f"the checkpoint names the agent {path[:200]!r}, which this program does not allow: name it in "
                f"Checkpoints(agents=...); known are {sorted(self._known)}"
            )
        if isinstance(known, Agent):
            return known
        try:
            if not issubclass(known, Checkpointed):
                return known()
            kind = typing.get_type_hints(known.checkpoint_state).get("return", Any)
            return known.from_checkpoint(from_plain(state, kind, f"the state of agent {path}"))
        except CheckpointError:
            raise
        except Exception as error:
            raise CheckpointError(
                f"agent {path} cannot be made again: {error!r}; a class that takes arguments, or has state, declares "
                "checkpoint_state() and from_checkpoint(state)"
            ) from error


def _load(path: str) -> type[Agent] | Agent:
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise CheckpointError(f"agent {path!r}: {error}; give 'module:name'") from error
    if not isinstance(found, Agent) and not (isinstance(found, type) and issubclass(found, Agent)):
        raise CheckpointError(f"agent {path!r} is {type(found).__name__}, and no agent")
    return found
