"""What a voice agent is: what it is told, says first and may do, and what it hears, thinks and speaks with.

agent = Agent("You take bookings.", greeting="Hello.", tools=[book])

class Host(Agent):                                   or a class of one's own: its methods with @tool are its tools
    instructions = "You take bookings."
    greeting = "Hello."

    @tool
    async def book(self, guests: int) -> str: ...

    async def llm(self, chat, tools):                and stages of its own on the way from speech to speech
        async for piece in super().llm(chat, tools):
            yield piece
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from rtaudio.voice.history_policy import HistoryPolicy, share
from rtaudio.voice.keys import Keypad
from rtaudio.voice.policies import Interruption, checked
from rtaudio.voice.stage_use import in_use

if TYPE_CHECKING:
    from rtaudio.core import TurnConfig
    from rtaudio.voice.chat import ChatContext, ChatMessage
    from rtaudio.voice.protocols import LLM, STT, TTS, Audio, Speech, Token, ToolCall, ToolSpec, Transcript, Usage
    from rtaudio.voice.session import Session

HookName = Literal["on_enter", "on_exit", "on_turn", "on_digits"]
HOOKS: Final[tuple[HookName, ...]] = ("on_enter", "on_exit", "on_turn", "on_digits")


@dataclass(frozen=True, slots=True)
class Providers:
    """What an agent hears, thinks and speaks with; None: what the session has."""

    stt: STT | None = None
    llm: LLM | None = None
    tts: TTS | None = None


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What the session's machine knows of an agent: plain data. `hooks`: those it has. `own_voice`: its TTS is its
    own. `keypad`: how keys are taken. `answers`: its model does; else what the user says waits for who comes next."""

    name: str = "Agent"
    instructions: str = ""
    greeting: str | None = None
    greeting_interruption: Interruption | None = None
    hooks: tuple[HookName, ...] = ()
    own_voice: bool = False
    keypad: Keypad = field(default_factory=Keypad)
    answers: bool = True

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AgentSettings:
        """Of what `dataclasses.asdict` made, and JSON."""
        return cls(**{**data, "hooks": tuple(data["hooks"]), "keypad": Keypad(**data["keypad"])})


class StopReply(Exception):
    """Raised by `Agent.on_turn`: the user's turn stays in the history, and nobody answers it."""


class Agent:
    """`name` is what events and models call it, by default that of its class.
    `instructions` go to the language model before the messages; `greeting` is said when the
    agent takes over, and when the session begins with it.
    `greeting_interruption`: what the user's speech does to the greeting ("off" for what must be said, such as a legal
    notice); None: what `SessionOptions.interruption` says. `tools`: what the model may call (rtaudio.voice.tools):
    functions with @tool, objects with methods that have it, a Toolset; methods of a subclass come by themselves.
    `stt`, `llm`, `tts`: of this agent, where it is to have others than the session. `history`: what it is shown of the
    talk before it took over (rtaudio.voice.history_policy), where the handoff does not say. `turns`: how the end of the
    user's turn is decided while it is in charge (an rtaudio.TurnConfig); None: as the session has it. `keypad`: how
    keys are taken that the user presses meanwhile (rtaudio.voice.Keypad).

    A subclass may set `name`, `instructions`, `greeting`, `greeting_interruption`, `history` and `turns` as class
    attributes (`keypad` alone so); what is given to `__init__` comes before them. One with an `__init__` of its own
    calls `super().__init__()`. Raises ValueError for an interruption that is none, TypeError for tools that are no
    list; the session looks at the rest.

    Hooks that a subclass may have, each run in a task of its own, within `SessionOptions.hook_timeout_s`. What they
    raise is told (HookFailed) and changes nothing; audio waits for none of them.
    """

    name: str = ""
    instructions: str = ""
    greeting: str | None = None
    greeting_interruption: Interruption | None = None
    tools: tuple[object, ...] = ()
    providers: Providers = Providers()
    history: HistoryPolicy = share
    turns: TurnConfig | None = None
    keypad: Keypad = Keypad()
    _answers: bool = True  # by its model

    def __init__(
        self,
        instructions: str | None = None,
        *,
        name: str | None = None,
        greeting: str | None = None,
        greeting_interruption: Interruption | None = None,
        tools: Sequence[object] = (),
        stt: STT | None = None,
        llm: LLM | None = None,
        tts: TTS | None = None,
        history: HistoryPolicy | None = None,
        turns: TurnConfig | None = None,
    ) -> None:
        self.name = name if name is not None else self.name or type(self).__name__
        if instructions is not None:
            self.instructions = instructions
        if greeting is not None:
            self.greeting = greeting
        if greeting_interruption is not None:
            self.greeting_interruption = greeting_interruption
        checked(self.greeting_interruption, "greeting_interruption")
        if not isinstance(tools, Iterable) or isinstance(tools, str):
            raise TypeError(f"{self.name}: tools = {tools!r:.80}; a list is wanted, as tools=[book]")
        self.tools = tuple(tools)
        self.providers = Providers(stt, llm, tts)
        if history is not None:
            self.history = history
        if turns is not None:
            self.turns = turns

    async def on_enter(self, session: Session) -> None:
        """It has taken over. An agent with no greeting goes on by itself from what the handing tool brought, once this
        has ended, unless this has had something said."""

    async def on_exit(self, session: Session) -> None:
        """Another has taken over; that one's `on_enter` waits for this. Not called when the session closes."""

    async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
        """The user's turn has been understood, and the model is not asked yet: it waits for this, at most
        `SessionOptions.turn_hook_timeout_s`. The text that it gives is put behind the turn, for the model alone (what
        was looked up). Called again, with all of it, where the user goes on with the turn. Raises StopReply for a turn
        that is not to be answered."""
        return None

    async def on_digits(self, session: Session, digits: str) -> None:
        """The user has pressed keys, and the entry is complete (`Agent.keypad`); with the key that ended it. The
        history has "[pressed 1234#]", and nobody answers it. Without this hook it is a turn like words that were
        typed, which the model answers."""

    def tool_sources(self) -> tuple[object, ...]:
        """All that holds tools of this agent, for a Toolset: `tools`, and the agent itself if methods of it are."""
        own = any(_is_tool(value) for kind in type(self).__mro__ for value in vars(kind).values())
        return (*self.tools, self) if own else self.tools

    # ---- The stages. A subclass overrides one with an async generator, which may read `super()`'s.

    def stt(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
        """Recognises one turn of the user: `audio` has its samples (float32, mono, 16 kHz) as they come and ends with
        it; transcripts are of the whole turn so far, the last one final and soon after the end of `audio`."""
        return in_use().stt(audio)

    def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall | Usage]:
        """Writes one step of an answer to the last message of `chat`, a copy of its own that it may change; it may call
        `tools` and no others."""
        return in_use().llm(chat, tools)

    def tts(self, text: str) -> AsyncIterator[Speech]:
        """Speaks one clause, at one rate for all clauses of a reply. Words that come with the audio are believed: their
        times are in what is yielded, their offsets in `text`. Without any they are looked for in the sound."""
        return in_use().tts(text)

    def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        """What those who look at the session are shown of a reply: `text` has its clauses, as the model wrote them, as
        they go to be spoken. The events tell of the reply in what is yielded; the history keeps what was heard by the
        model's text. What is not yielded is not shown, also where this fails."""
        return text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.instructions[:40]!r})"


def _is_tool(value: object) -> bool:
    """Made by @tool. Where nobody has loaded that (and pydantic with it), nothing is."""
    definition = sys.modules.get("rtaudio.voice.tools.definition")
    function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
    return definition is not None and isinstance(function, definition.Tool)


def settings_of(agent: Agent) -> AgentSettings:
    """As they are now."""
    kind = type(agent)
    has = tuple(hook for hook in HOOKS if getattr(kind, hook) is not getattr(Agent, hook))
    own_voice = agent.providers.tts is not None or kind.tts is not Agent.tts
    said = (agent.greeting, agent.greeting_interruption)
    return AgentSettings(agent.name, agent.instructions, *said, has, own_voice, agent.keypad, agent._answers)
