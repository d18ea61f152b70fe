"""A conversation whose process is killed, and what the outside has of it: the sink's samples, the STT's record, the
tools' own ledgers. Nothing here asks the session how it went.

Each clip of the caller has an amplitude of its own, by which the STT knows which it is; answers name the clips that
they answer, and FakeTTS numbers its samples, so that the sink says which answers were heard.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, numbers_of, run
from rtaudio.voice import Agent, ChatContext, Session, SessionOptions, ToolCall
from rtaudio.voice.checkpoints import Checkpoints
from rtaudio.voice.machine_resume import WORDS_UNKNOWN
from rtaudio.voice.protocols import Audio
from rtaudio.voice.tools import ToolContext, tool

NAMES = ("alpha", "bravo", "charlie", "delta")
HEARD = 5040
"""Samples of an answer after which its first word counts as heard: the middle between it and the next, of FakeTTS."""


@dataclass
class Outside:
    """What the services behind the tools know."""

    starts: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)


@dataclass
class Notes:
    """The session's data."""

    booked: int = 0


OUTSIDE = Outside()


class Second(Agent):
    instructions = "You are the second."

    @tool(key=lambda what: what)
    async def book(self, context: ToolContext[Notes], what: str) -> str:
        """Books."""
        OUTSIDE.starts[context.key] += 1
        await asyncio.sleep(0.4)
        context.data.booked += 1
        return f"booked {what}"


class Host(Second):
    instructions = "You are the host."
    greeting = "Good morning from the desk."

    @tool(key=lambda what: what, after_crash="again")
    async def charge(self, context: ToolContext[Notes], what: str) -> str:
        """Charges, by a service that does one thing once for one key."""
        OUTSIDE.starts[context.key] += 1
        await asyncio.sleep(0.3)
        if context.key not in OUTSIDE.seen:
            OUTSIDE.seen.add(context.key)
            OUTSIDE.effects[context.key] += 1
        return f"charged {what}"

    @tool(detach_after_s=0.5)
    async def look(self, what: str) -> str:
        """Looks something up."""
        OUTSIDE.starts[f"look:{what}"] += 1
        await asyncio.sleep(0.8)
        return f"found {what}"

    @tool
    async def hand_over(self) -> Agent:
        """To the second."""
        return Second()


def clip(number: int, seconds: float = 0.8) -> Audio:
    count = round(seconds * 24000)
    level = 0.2 + 0.15 * number
    return (level * np.sign(np.sin(2 * np.pi * 200 / 24000 * np.arange(count)))).astype(np.float32)


def understood(audio: Audio) -> str:
    """The clips in what was recognised."""
    found = []
    for number, name in enumerate(NAMES):
        level = 0.2 + 0.15 * number
        if np.count_nonzero(np.abs(np.abs(audio) - level) < 0.02) > 0.5 * 0.8 * 16000:
            found.append(name)
    return " ".join(found)


def answer(chat: ChatContext) -> list[str | ToolCall]:
    """Says which clips it answers. Of some it calls tools first, as a model does that sees what was done already."""
    last = chat.messages[-1]
    offered = "book" if "second" in chat.instructions else "all"
    said = chat.last_user_text()
    for at, message in enumerate(chat.messages):
        if message.text == WORDS_UNKNOWN:
            said = ChatContext("", chat.messages[at:]).last_user_text()
    names = [name for name in NAMES if name in said]
    if last.role == "user" and names:
        name, opening = names[-1], f"Answer {' '.join(names)}, one moment please."
        more: list[str | ToolCall] = [ToolCall("c", "book", f'{{"what": "{name}"}}')]
        if offered == "all":
            more += [ToolCall("d", "charge", f'{{"what": "{name}"}}'), ToolCall("e", "look", f'{{"what": "{name}"}}')]
            if name == "charlie":
                more.append(ToolCall("f", "hand_over", "{}"))
        return [opening, *more] if name != "bravo" else [f"Answer {' '.join(names)}, that is all. And some more words."]
    if last.role == "assistant" and last.tools:
        return ["Then it is done, as you wished."]
    return ["Is there more?"]


class SlowStore:
    """Takes a while, and fails at times."""

    def __init__(self, rng: random.Random, most_s: float, fails: float = 0.0) -> None:
        self._rng, self._most_s, self._fails = rng, most_s, fails
        self.last: bytes | None = None

    async def save(self, checkpoint: bytes) -> None:
        await asyncio.sleep(self._rng.uniform(0, self._most_s))
        if self._rng.random() < self._fails:
            raise OSError("told to")
        self.last = checkpoint


@dataclass
class Counted:
    """By the outside."""

    turns_answered_twice: int = 0
    tools_run_twice: int = 0
    turns_lost: int = 0
    words_wrong: int = 0
    history: Any = None
    crashes: int = 0


async def conversation(crashes: list[float], *, outage_s: float, cues: list[dict[str, float]], store: Any) -> Counted:
    """`crashes`: when, each counted from the start or from the restore before."""
    OUTSIDE.starts.clear()
    OUTSIDE.effects.clear()
    OUTSIDE.seen.clear()
    caller = SimulatedCaller(24000)
    for number, cue in enumerate(cues):
        caller.say(clip(number), **cue)
    tts, llm, stt = FakeTTS(words=True), FakeLLM(answer), FakeSTT(understood)
    config = Checkpoints(store, agents=[Host, Second], data=Notes)
    options = SessionOptions(first_clause_chars=5)
    counted = Counted()
    simulation = Simulation(
        Host(), stt=stt, llm=llm, tts=tts, caller=caller, checkpoints=config, options=options, data=Notes()
    )
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    async with simulation as sim:
        for after_s in crashes:
            killed = asyncio.Event()

            def kill(killed: asyncio.Event = killed) -> None:
                if not sim.session.closed:
                    sim.kill()
                    killed.set()

            timer = loop.call_later(after_s, kill)
            try:
                await sim.until(killed.is_set, after_s + 0.05)
            finally:
                timer.cancel()
            if store.last is None:  # it died before anything was stored: there is nothing to go on with
                return counted
            counted.crashes += 1
            await sim.advance(outage_s)
            session = Session.restore(
                sim.port, store.last, checkpoints=config, stt=stt, llm=llm, tts=tts, options=options
            )
            await sim.go_on(session)
        await sim.finish(idle_s=3.0, limit_s=200)
        counted.history = sim.session.history
        heard = set(numbers_of(sim.sink.agent))
    assert asyncio.all_tasks() == before, "every task has ended"
    answered = Counter[str]()
    for text, first, _ in tts.spoken:
        if text.startswith("Answer ") and first + HEARD in heard:
            answered.update(text.partition(",")[0].split()[1:])
    counted.turns_answered_twice = sum(count - 1 for count in answered.values())
    for key, starts in OUTSIDE.starts.items():
        if key.startswith("book:"):
            counted.tools_run_twice += starts - 1
    counted.tools_run_twice += sum(count - 1 for count in OUTSIDE.effects.values())
    said = " ".join(message.text for message in counted.history if message.role == "user")
    told = " ".join(message.text for message in counted.history if message.role == "assistant").split()
    counted.words_wrong = int(told not in [heard_words(tts, sim.sink.agent, fade) for fade in (0, 120)])
    counted.turns_lost = sum(name not in said for name in NAMES[: len(caller.spoken)])
    return counted


def heard_words(tts: FakeTTS, agent: Audio, fade: int) -> list[str]:
    """What of all clauses came out of the loudspeaker, each up to the last word whose middle was put out. `fade`:
    samples taken to have been put out behind the last whole number: those of a fade, up to 120, are none."""
    heard, words = np.array(numbers_of(agent)), []
    for text, first, count in tts.spoken:
        inside = heard[(heard >= first) & (heard < first + count)]
        if not len(inside):
            continue
        until = int(inside.max()) + 1 - first + fade
        starts = [at for at, char in enumerate(text) if not char.isspace() and text[at - 1 : at].strip() == ""]
        for begin, end in zip(starts, [*starts[1:], len(text)], strict=True):
            if (begin + end) / 2 * tts.char_s * tts.rate <= until:
                words.append(text[begin:end].strip())
    return words


def checkpoints_of_a_conversation() -> list[bytes]:
    """Every twelfth that one writes: with an open turn, a reply, tools in flight, a handoff on its way."""

    class Every:
        last: bytes | None = None

        def __init__(self) -> None:
            self.all: list[bytes] = []

        def save(self, checkpoint: bytes) -> None:
            self.all.append(checkpoint)

    store = Every()
    cues = [{"at_s": 1.0}, {"after_agent_stops_s": 0.5}, {"after_agent_stops_s": 0.5}]
    run(conversation([], outage_s=0, cues=cues, store=store))
    return store.all[::12]
