"""Where a session meets its tools: effects of its machine become calls of a ToolRunner, and what comes of them items.

Decides nothing; what becomes of calls is decided by the runner's own machine (tools/calls.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.chat import ToolUse
from rtaudio.voice.protocols import ToolSpec
from rtaudio.voice.tools import Batch, Filler, LateResult, Progress, SessionHandle, ToolRunner, Toolset
from rtaudio.voice.tools.call_effects import Began, CallEffect, Ended
from rtaudio.voice.tools.call_items import CallItem
from rtaudio.voice.tools.hands import HandOver


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

    def run(self, effect: do.RunTools) -> None:
        batch = self._batches[effect.reply] = self._runner.submit(effect.calls, effect.only)
        batch.results.add_done_callback(partial(self._delivered, effect.reply))

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
