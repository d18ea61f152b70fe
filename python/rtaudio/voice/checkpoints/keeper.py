"""When a session is written down, and how it is taken up: the part of a session that keeps its checkpoints.

    item handled ──committed step?──► soon (once for all that happens in the same turn of the event loop) ──► written
    a function with a key is to run ──► written now, and waited for (write-ahead)

A checkpoint is made between two turns of the event loop, never within one: what one machine has said and the other has
not taken yet is in none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent
from rtaudio.voice.checkpoints.form import (
    NULL,
    VERSION,
    AgentRecord,
    Checkpoint,
    CheckpointError,
    Place,
    call_ids,
    decode,
    encode,
    plain,
    tools_of,
)
from rtaudio.voice.checkpoints.roster import Roster
from rtaudio.voice.checkpoints.schema import from_plain, to_plain
from rtaudio.voice.checkpoints.store import CheckpointStore
from rtaudio.voice.checkpoints.writer import Writer
from rtaudio.voice.machine_state import agents_in, state_of
from rtaudio.voice.streams import describe
from rtaudio.voice.tasks import Tasks

if TYPE_CHECKING:
    from rtaudio.core import AudioPort
    from rtaudio.voice.agents import Agents
    from rtaudio.voice.machine import Machine
    from rtaudio.voice.tool_desk import DeskState, ToolDesk

AGAIN_S: Final = 0.1
"""After which a write that a tool waits for is tried again."""
PASSING: Final = (
    it.TurnWeighed, it.TurnUnanswered, it.BargeChanged, it.LineStarved, it.LinkChanged, it.MicLevelChanged,
    it.MicClippingChanged, it.EventsLost, it.AudioLost, it.SpeechPaused, it.TranscriptCame, it.TokenCame, it.CallCame,
    it.UsageCame, it.VoiceAsked, it.ReplyAudible, it.ProviderTroubled, it.ToolReported, it.TimeCame, it.Ended,
)  # fmt: skip
"""Items that commit nothing by themselves: what they say comes again from the core's history or the providers."""


def commits(item: it.Item, effects: Iterable[do.Effect]) -> bool:
    """Whether the step is one after which the session is written down."""
    return not isinstance(item, PASSING) or any(not isinstance(effect, do.Emit | do.Hint) for effect in effects)


@dataclass(frozen=True)
class Checkpoints:
    """How a session is written down, and by what it may be taken up.

    `store`: where it goes. `agents`: those that may be in charge: classes, and paths "module:name" of objects; a
    checkpoint can name no others. `data`: the type of the session's `data`, where it has any. `write_ahead_s`: how long
    a tool with a key waits for what is written down before it runs; it is not run if that fails. `write_timeout_s`: of
    one write. Raises CheckpointError for agents that are none, ValueError for times that make no sense."""

    store: CheckpointStore
    agents: Sequence[type[Agent] | str]
    data: Any = None
    write_ahead_s: float = 2.0
    write_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        for name, value in (("write_ahead_s", self.write_ahead_s), ("write_timeout_s", self.write_timeout_s)):
            if not 0 < value <= 600:
                raise ValueError(f"Checkpoints: {name} = {value}: must lie in 0..600 seconds")
        object.__setattr__(self, "roster", Roster(self.agents))

    roster: Roster = field(init=False, repr=False)


@dataclass(frozen=True)
class Taken:
    """A checkpoint, read: the agents that it names, the first of them the one of the talk."""

    checkpoint: Checkpoint
    agents: tuple[Agent, ...]
    data: Any
    tools: DeskState | None

    @property
    def call_ids(self) -> list[str]:
        """Of calls that have a result."""
        return call_ids(self.checkpoint, self.tools)


def read(checkpoint: bytes, config: Checkpoints, port: AudioPort) -> Taken:
    """Raises CheckpointError for what cannot be taken up on this port by this program."""
    taken = decode(checkpoint)
    if taken.ended is not None:
        raise CheckpointError(
            f"the session of this checkpoint has ended ({taken.ended}): there is nothing to go on with"
        )
    place = taken.place
    if place.port_rate != port.rate or place.mic > port.mic_written:
        raise CheckpointError(
            f"this checkpoint is of another port: that had {place.port_rate} Hz and had heard {place.mic} samples, "
            f"this one has {port.rate} Hz and has heard {port.mic_written}; there begin a new session, with history="
        )
    agents = tuple(config.roster.make(record.path, record.state) for record in taken.agents)
    data = from_plain(taken.data, config.data, "the session's data")
    return Taken(taken, agents, data, tools_of(taken))


class Keeper:
    """One session's. `tools`: its desk, once it has one."""

    def __init__(
        self,
        config: Checkpoints,
        port: AudioPort,
        machine: Machine,
        agents: Agents,
        data: object,
        *,
        segment: Callable[[], int],
        tools: Callable[[], ToolDesk | None],
        told: Callable[[str], None],
    ) -> None:
        """Raises CheckpointError for data without a type."""
        if data is not None and config.data is None:
            raise CheckpointError("the session has data, and Checkpoints(data=...) does not say of which type")
        self._config, self._port, self._machine, self._agents, self._data = config, port, machine, agents, data
        self._segment, self._tools, self._told = segment, tools, told
        self._tasks = Tasks(lambda error: told(describe(error)))
        self._writer = Writer(config.store, self._tasks, config.write_timeout_s, told)
        self._soon: asyncio.Handle | None = None
        self._closed = False
        self._failed = ""

    def handled(self, item: it.Item, effects: Iterable[do.Effect]) -> None:
        """The session's machine has taken the item, and what it wanted is done."""
        if not self._closed and self._soon is None and commits(item, effects):
            self._soon = asyncio.get_running_loop().call_soon(self._keep)

    async def write_ahead(self) -> str:
        """For a tool with a key, before it runs: writes down that it does. Gives why that could not be done."""
        await asyncio.sleep(0)  # what is handled now is handled to its end
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._config.write_ahead_s
        while True:
            if (number := self._keep()) is None:
                return self._failed
            why = await self._writer.stored(number, until_s - loop.time())
            if not why or self._closed or loop.time() + AGAIN_S >= until_s:
                return why
            await asyncio.sleep(AGAIN_S)

    async def aclose(self, reason: str) -> None:
        """Writes down that the session has ended, and waits for that, not for long."""
        if (number := self._keep(reason)) is not None:
            await self._writer.stored(number, self._config.write_ahead_s)
        self.abandon()
        await self._tasks.aclose(1.0)

    def abandon(self) -> None:
        """Nothing more is written, as if the process had died."""
        self._closed = True
        if self._soon is not None:
            self._soon.cancel()

    def _keep(self, ended: str | None = None) -> int | None:
        """Makes one, and gives it to the writer; its number there. None: it could not be made."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._closed:
            self._failed = "the session has ended"
            return None
        try:
            number = self._writer.put(encode(self.make(ended)))
        except Exception as error:  # the program's own code among others: a state that cannot be written
            what = str(error) if isinstance(error, CheckpointError) else describe(error)
            if what != self._failed:
                self._failed = what
                self._told(what)
            return None
        self._failed = ""
        return number

    def make(self, ended: str | None = None) -> Checkpoint:
        """Of the session as it is now. Raises CheckpointError, and what the program's own code raises."""
        machine, desk = self._machine, self._tools()
        wanted = dict.fromkeys([*agents_in(machine), *(desk.agents_in_results if desk is not None else ())])
        known = [number for number in wanted if number in machine._came]
        numbers = {number: at for at, number in enumerate(known, 1)}
        playout, hearing = self._port.events_taken
        place = Place(self._port.rate, machine.now_mic, playout, hearing, self._segment())
        return Checkpoint(
            VERSION,
            ended,
            place,
            tuple(self._record(number, numbers) for number in known),
            state_of(machine, numbers),
            plain(desk.state(numbers)) if desk is not None else msgspec.Raw(NULL),
            to_plain(self._data, "the session's data"),
        )

    def _record(self, number: int, numbers: dict[int, int]) -> AgentRecord:
        came = self._machine._came[number]
        path, state = self._config.roster.record(self._agents[number].agent)
        return AgentRecord(path, state, numbers.get(came.by, 0), came.history)
