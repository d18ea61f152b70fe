"""Where a session meets its tools: effects of its machine become calls of a ToolRunner, and what comes of them items.

Decides nothing; what becomes of calls is decided by the runner's own machine (tools/calls.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.chat import ToolUse
from rtaudio.voice.protocols import ToolSpec
from rtaudio.voice.tools import Batch, Filler, LateResult, Progress, SessionHandle, ToolRunner, Toolset
from rtaudio.voice.tools.call_effects import Began, CallEffect, Ended
from rtaudio.voice.tools.call_items import CallItem
from rtaudio.voice.tools.call_records import CallsState
from rtaudio.voice.tools.hands import HandOver, WriteAhead


@dataclass(frozen=True, slots=True)
class Delivered:
    """Results of a reply that its session has not taken yet."""

    reply: int
    uses: tuple[ToolUse, ...]
    handoffs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DeskState:
    """What a checkpoint holds of tools. `name`: of the conversation, in the keys of calls that have none of their own.
    `replies`: (batch, the reply that it is of), of those without results."""

    name: str
    calls: CallsState
    replies: tuple[tuple[int, int], ...]
    delivered: tuple[Delivered, ...]


class ToolDesk:
    """`record` gets the runner's items and effects."""

    def __init__(
        self,
        tools: Toolset,
        post: Callable[[it.Item], None],
        stamp: Callable[[], it.Stamp],
        *,
        data: Any,
        session: SessionHandle,
        ids: Iterable[str],
        record: Callable[[CallItem | CallEffect], None] | None,
        hand_over: HandOver,
        write_ahead: WriteAhead | None = None,
        name: str | None = None,
    ) -> None:
        self._post, self._stamp = post, stamp
        self._batches: dict[int, Batch] = {}
        self._runner = ToolRunner(
            tools,
            data=data,
            session=session,
            late=self._late,
            progress=self._told,
            filler=self._fill,
            watch=self._watched,
            record=record,
            ids=ids,
            hand_over=hand_over,
            write_ahead=write_ahead,
            name=name,
        )
        self._runner.begin()

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return self._runner.tools.specs

    def work_for(self, agent: int, tools: Toolset | None) -> None:
        """What is called from now on is called of this agent's tools; calls under way go on."""
        self._runner.work_for(agent, tools if tools is not None else Toolset())

    async def aclose(self) -> None:
        """Each call gets its result first, and the session hears of it."""
        await self._runner.aclose()
        await asyncio.sleep(0)  # so do those who wait for it

    @property
    def agents_in_results(self) -> list[int]:
        """Numbers of the agents that results hand over to."""
        done = [batch.handoffs for batch in self._batches.values() if batch.results.done()]
        return [*self._runner.agents_in_results(), *(number for handoffs in done for _, number in handoffs)]

    def state(self, numbers: Mapping[int, int]) -> DeskState:
        """What a successor has to know; `numbers`: the new number of each agent."""
        there = {reply: batch for reply, batch in self._batches.items() if batch.results.done()}
        delivered = tuple(
            Delivered(
                reply,
                batch.results.result(),
                tuple((call, numbers[number]) for call, number in batch.handoffs if number in numbers),
            )
            for reply, batch in there.items()
        )
        replies = tuple((batch.number, reply) for reply, batch in self._batches.items() if reply not in there)
        return DeskState(self._runner.name, self._runner.state(numbers), replies, delivered)

    def take_up(self, state: DeskState | None, ids: Iterable[str]) -> None:
        """Goes on with what another had under way (None: nothing), before anything is run. `ids`: of calls that have a
        result."""
        for one in state.delivered if state is not None else ():
            self._post(it.ToolsDelivered(self._stamp(), one.reply, one.uses, one.handoffs))
        replies = dict(state.replies) if state is not None else {}
        calls = state.calls if state is not None else CallsState()
        for number, batch in self._runner.take_up(calls, ids).items():
            self._wait_for(replies[number], batch)

    def run(self, effect: do.RunTools) -> None:
        self._wait_for(effect.reply, self._runner.submit(effect.calls, effect.only))

    def _wait_for(self, reply: int, batch: Batch) -> None:
        self._batches[reply] = batch
        batch.results.add_done_callback(partial(self._delivered, reply))

    def interrupt(self, reply: int) -> None:
        if (batch := self._batches.get(reply)) is not None:
            batch.interrupt()

    def move_on(self, reply: int) -> None:
        if (batch := self._batches.get(reply)) is not None:
            batch.move_on()

    def _delivered(self, reply: int, results: asyncio.Future[tuple[ToolUse, ...]]) -> None:
        handoffs = self._batches.pop(reply).handoffs
        self._post(it.ToolsDelivered(self._stamp(), reply, results.result(), handoffs))

    def _late(self, late: LateResult) -> None:
        self._post(it.LateResultCame(self._stamp(), late.of, late.use, late.handoff))

    def _told(self, told: Progress) -> None:
        self._post(it.ToolReported(self._stamp(), told.call_id, told.tool, told.text, told.spoken))

    def _fill(self, filler: Filler) -> None:
        self._post(it.SayAsked(self._stamp(), filler.text, 0, priority="low", while_call=filler.call_id))

    def _watched(self, effect: Began | Ended) -> None:
        if isinstance(effect, Began):
            self._post(it.ToolBegan(self._stamp(), effect.call_id, effect.tool))
        else:
            self._post(it.ToolEnded(self._stamp(), effect.call_id, effect.tool, effect.outcome))
