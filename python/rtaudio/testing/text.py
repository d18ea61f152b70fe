"""An agent tried by text alone: its model, its tools and a real session, with a voice that takes no time and no ears.

async def main() -> None:
    async with TextConversation(agent, llm=llm, data=Guest("Ann")) as talk:
        turn = await talk.say_as_user("A table for four, please.")
        turn.expect.calls("book", {"guests": 4})
        turn.expect.says(contains="booked")
        turn.expect.no_more()

rtaudio.testing.run(main())      # on virtual time; on an ordinary loop it does the same at the pace of the clock
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rtaudio.testing.expectations import HandedOver, Happening, HookBroke, ProviderBroke, Turn, happenings_of
from rtaudio.testing.providers import FakeSTT, FakeTTS
from rtaudio.testing.simulation import Simulation
from rtaudio.voice import effects as do
from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.checks import checked_agent
from rtaudio.voice.clock import now_ns
from rtaudio.voice.events import AgentChanged, HookFailed, ProviderFailed, SessionClosed
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import LLM
from rtaudio.voice.session import Session
from rtaudio.voice.task import Task

CHAR_S: Final = 0.001
"""How long the voice takes for a character: next to nothing."""
LISTENS_S: Final = 0.5
"""How long a task says nothing until it is taken to wait for the user."""


class TextConversation:
    """`session` is an ordinary one. `opening`: what the agent said and did before anybody wrote."""

    opening: Turn

    def __init__(
        self,
        agent: Agent,
        *,
        llm: LLM | None = None,
        data: object = None,
        options: SessionOptions | None = None,
        history: ChatContext | None = None,
        limit_s: float = 60.0,
    ) -> None:
        """`llm`: by default the agent's own; ValueError if it has none. `data`, `options`, `history`: as for
        `Session`. No agent speaks with a voice of its own. `limit_s`: how long an answer may take, tools included."""
        model = llm if llm is not None else checked_agent(agent).providers.llm
        if model is None:
            raise ValueError("TextConversation: give an llm, for the agent has none of its own")
        self._limit_s = limit_s
        self._listens_since_ns: int | None = None
        self._happened: list[Happening] = []
        self._taken = self._events_taken = 0
        voice = FakeTTS(char_s=CHAR_S, first_after_s=0.0)
        self._simulation = Simulation(
            agent,
            stt=FakeSTT([]),
            llm=model,
            tts=voice,
            options=options,
            history=history,
            recorder=self._record,
            data=data,
        )
        self.session._agents.speak_with(voice)  # no user of a session wants that

    @property
    def session(self) -> Session:
        return self._simulation.session

    @property
    def history(self) -> ChatContext:
        return self.session.history

    async def say_as_user(self, text: str) -> Turn:
        """Writes to the agent, waits for its answer and gives all that happened meanwhile: what it said, its tools.
        Calls that go on beyond the answer are not waited for (see `wait`), nor a tool while the task that it runs waits
        for the user. AssertionError if there is no end of it within `limit_s`, RuntimeError if the session closed."""
        self._listens_since_ns = None
        handle = self.session.generate_reply(user_input=text)
        await self._until(lambda: (self._at_rest and handle.done()) or self._task_listens(), text)
        return self._turn(text)

    async def wait(self, seconds: float) -> Turn:
        """Lets time pass, and gives what happened: results that come late, what an agent says by itself."""
        await self._simulation.advance(seconds)
        await self._until(lambda: self._at_rest, "")
        return self._turn("")

    @property
    def _at_rest(self) -> bool:
        return self.session.state == "listening" and not self.session.queue

    def _task_listens(self) -> bool:
        """A task is in charge, and has been silent for long enough: the user has to speak, though the tool that runs it
        is under way."""
        if not (isinstance(self.session.agent, Task) and self._at_rest):
            self._listens_since_ns = None
            return False
        if self._listens_since_ns is None:
            self._listens_since_ns = now_ns()
        return now_ns() - self._listens_since_ns >= LISTENS_S * 1e9

    async def _until(self, condition: Callable[[], bool], user: str) -> None:
        try:
            await self._simulation.until(lambda: condition() or self.session.closed, self._limit_s)
        except TimeoutError:
            raise AssertionError(f"no end of it within {self._limit_s:g} s; so far:\n{self._turn(user)}") from None
        if self.session.closed:
            reasons = [event.reason for event in self._simulation.told(SessionClosed)]
            raise RuntimeError(f"the session closed: {', '.join(reasons) or 'by the test itself'}")

    def _turn(self, user: str) -> Turn:
        happened, self._taken = self._happened[self._taken :], len(self._happened)
        events, self._events_taken = self._simulation.events[self._events_taken :], len(self._simulation.events)
        return Turn(user, happened, events)

    def _record(self, what: object) -> None:
        match what:
            case do.Remember(message=message) if message.role == "assistant":
                self._happened += happenings_of(message)
            case do.Emit(event=AgentChanged() as changed):
                self._happened.append(HandedOver(changed.before, changed.after, changed.why))
            case do.Emit(event=ProviderFailed() as failed):
                self._happened.append(ProviderBroke(failed.kind, failed.what))
            case do.Emit(event=HookFailed() as failed):
                self._happened.append(HookBroke(failed.what_ran, failed.what))
            case _:
                pass

    async def __aenter__(self) -> TextConversation:
        await self._simulation.__aenter__()
        await self._simulation.advance(0.05)  # a greeting begins
        await self._until(lambda: self._at_rest, "")
        self.opening = self._turn("")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._simulation.__aexit__(*exc)
