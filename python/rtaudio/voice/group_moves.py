"""Where the user of a group's task can go from it: back, on, or away. The tools that its model has for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rtaudio.voice.refusals import TaskRefused

if TYPE_CHECKING:
    from rtaudio.voice.group import TaskGroup
    from rtaudio.voice.task import Task

Move = tuple["TaskGroup[Any]", str | None, str]
"""(the group, the step to go back to or None to leave out the one that is asked, what that is in words)"""


class Moved(Exception):
    """The outcome of a task whose user wants to be elsewhere in `group`: back at `to`, or beyond the step (None)."""

    def __init__(self, group: TaskGroup[Any], to: str | None) -> None:
        super().__init__(f"the user went back to {to}" if to is not None else "the user left it out")
        self.group, self.to = group, to


def known_text(told: Sequence[str], before: str, *, can_go_back: bool) -> str:
    """For the model of a task: what is known, and what was said to this before."""
    lines = []
    if told:
        lines += ["Known already, do not ask for it:", *(f"- {line}" for line in told)]
    if before:
        lines.append(f"The user wants to change the answer to what you ask for. It was: {before}")
    if can_go_back:
        lines.append("If the user wants to change something that is known, call go_back.")
    return "\n".join(lines)


def tools_for(task: Task[Any], moves: Sequence[Move]) -> tuple[object, ...]:
    """`go_back`, `skip`, `give_up`, where they make sense and the task has none of that name."""
    from rtaudio.voice.tools import Toolset, tool  # which loads pydantic

    def leave(error: BaseException, said: str) -> str:
        if task.over:
            return "It is settled already."
        task.fail(error)
        return said

    back = {to: (group, about) for group, to, about in reversed(tuple(moves)) if to is not None}
    skips = next((group for group, to, _ in moves if to is None), None)
    places = "; ".join(f"{to} ({about})" if about != to else to for to, (_, about) in sorted(back.items()))
    schema = {
        "type": "object",
        "properties": {"to": {"type": "string", "enum": sorted(back)}},
        "required": ["to"],
        "additionalProperties": False,
    }

    async def go_back(arguments: dict[str, Any]) -> str:
        to = arguments["to"]
        return leave(Moved(back[to][0], to), f"Going back to {to}.")

    async def skip() -> str:
        """Leaves this question out, which the user need not answer and does not want to."""
        assert skips is not None
        return leave(Moved(skips, None), "Left out.")

    async def give_up(reason: str) -> str:
        """The user will not answer this, and says so for good.

        Args:
            reason: what the user said.
        """
        return leave(TaskRefused(reason), "Given up.")

    offered: list[Any] = [tool(give_up)]
    if back:
        described = f"Goes back to an earlier question, which the user wants to answer anew: {places}"
        offered.append(tool(description=described, schema=schema)(go_back))
    if skips is not None:
        offered.append(tool(skip))
    has = Toolset(*task.tool_sources()).names
    return tuple(one for one in offered if one.name not in has)
