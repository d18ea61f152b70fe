"""Who is in charge, and who is put aside meanwhile: the agents of a session's machine, as a stack.

    bottom   the agent of the talk; a handoff puts another in its place
    above    tasks, each begun by what is below it; the top is in charge

Each has the chat that its model is shown, beside the history of the whole call: the same one as the agent below where
it shares, else one of its own. What an agent was about when a task took over is put aside with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rtaudio.voice.agent import AgentSettings
from rtaudio.voice.chat import ChatContext, ChatMessage, ToolUse
from rtaudio.voice.events import ChangeReason
from rtaudio.voice.history_policy import share
from rtaudio.voice.items import AgentCame
from rtaudio.voice.start_buffer import StartBuffer

if TYPE_CHECKING:
    from rtaudio.voice.machine_tools import ToolStep
    from rtaudio.voice.turns import Turn


@dataclass(frozen=True, slots=True)
class Switch:
    """Another agent is to be in charge, as soon as the one that is says nothing, has nothing to say and, but for a
    task, has its step in the history.

    `step`: the message of the step that handed over. `speaks`: the model goes on by itself, where there is no greeting.
    `quiet`: `interrupt` came meanwhile, so that nothing is said by itself. `hurries`: calls that are run are not waited
    for.
    """

    kind: ChangeReason
    number: int
    step: ChatMessage | None = None
    speaks: bool = False
    quiet: bool = False
    hurries: bool = False


@dataclass(frozen=True, slots=True)
class LateResult:
    """A result that came when its call had been delivered as still running. `handoff`: the agent that its tool
    returned, by number; 0: none."""

    use: ToolUse
    handoff: int = 0


@dataclass(slots=True)
class TurnHook:
    """An agent's on_turn for one turn of the user, of the words `said`. `added`: what it gave, until that is in
    the chat."""

    run: int
    turn: Turn
    said: str
    done: bool = False
    added: str = ""


@dataclass(slots=True)
class Doing:
    """What an agent is about, beyond what it says at this moment."""

    step: ToolStep | None = None  # of a reply whose tools are run
    go_on: ToolStep | None = None  # in the history, and the model has to go on from it
    speaks: bool = False  # the model has to begin by itself
    steps: int = 0  # with tools, since a turn was last begun to be answered
    entering: int = 0  # the run of its on_enter
    hook: TurnHook | None = None
    unanswered: Turn | None = None  # whose on_turn runs the task that is in charge
    answered_to: int = 0  # messages of the history, when that turn was put aside
    late: list[LateResult] = field(default_factory=list)  # of tools of its own, that hand over


@dataclass(slots=True)
class Stay:
    """An agent's time in charge. `waits`: its chat lacks what ChooseHistory is to bring. `aside`: while a task is in
    charge."""

    number: int
    settings: AgentSettings
    chat: ChatContext
    start_buffer: StartBuffer
    task: bool = False
    waits: bool = False
    aside: Doing | None = None

    def remember(self, message: ChatMessage, instead_of: ChatMessage | None = None) -> None:
        """`instead_of`: what it takes the place of, where that is the last here; what was looked up for it goes."""
        if instead_of is not None:
            at = len(self.chat) - 1
            while at >= 0 and self.chat[at].role == "system":
                at -= 1
            if at >= 0 and self.chat[at] is instead_of:
                self.chat.cut(at)
        self.chat.append(message)

    def leave_out(self, messages: Sequence[ChatMessage]) -> None:
        """They are for another to answer."""
        gone = {id(message) for message in messages}
        kept = [message for message in self.chat if id(message) not in gone]
        self.chat.cut(0)
        for message in kept:
            self.chat.append(message)

    def put_before(self, messages: Sequence[ChatMessage]) -> None:
        """What has been chosen of the talk before."""
        since = self.chat.messages
        self.chat.cut(0)
        for message in (*messages, *since):
            self.chat.append(message)
        self.waits = False


def shown(
    came: AgentCame, chat: ChatContext, always: Sequence[ChatMessage]
) -> tuple[ChatContext, tuple[ChatMessage, ...]]:
    """The chat that an agent begins with, and what of `chat` is still to be chosen from. `always`: what of it is shown
    whatever the policy."""
    if came.history == share:
        return chat, ()
    kept = {id(message) for message in always}
    if came.history is None:
        before = tuple(message for message in chat if id(message) not in kept)
        return ChatContext(messages=[message for message in chat if id(message) in kept]), before
    kept |= {id(message) for message in came.history.of(chat.messages)}
    return ChatContext(messages=[message for message in chat if id(message) in kept]), ()
