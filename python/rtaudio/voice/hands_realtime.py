"""Hands of a session whose speech-to-speech model hears, thinks and speaks: one connection at a time, owned here."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice import realtime_effects as rdo
from rtaudio.voice import realtime_items as rit
from rtaudio.voice.hands import NO_MORE_TOOLS, Hands, Speaking
from rtaudio.voice.realtime import RealtimeModel
from rtaudio.voice.realtime_connection import RealtimeConnection
from rtaudio.voice.segment_writer import SegmentWriter
from rtaudio.voice.streams import describe
from rtaudio.voice.word_finder import Pace

OF_CONNECTION: Final = (
    *(do.OpenRecognition, do.EndRecognition, do.StartModel, rdo.AwaitResponse, rdo.RefuseResponse),
    *(rdo.Truncate, rdo.Unsay, rdo.GiveResults, rdo.Share),
)


class RealtimeHands(Hands):
    """As Hands; `model` is whose connections it opens."""

    def __init__(self, *given: Any, model: RealtimeModel) -> None:
        super().__init__(*given)
        self._model = model
        self._model_pace = Pace()
        self._connection: RealtimeConnection | None = None
        self._reading: asyncio.Task[None] | None = None

    def move(self, stamp: it.Stamp) -> None:
        if (connection := self._connection) is not None:
            connection.call(connection.ear.feed)
        super().move(stamp)

    def carry_out(self, effect: do.Effect) -> None:
        match effect:
            case rdo.OpenModel():
                self._open(effect)
            case rdo.CloseModel():
                self._close()
                self._tasks.start(self._due_in(effect.again_s), "wait for the model")
            case do.CloseRecognition() | rdo.RememberAt():
                pass  # there is no stream of the turn's own; the history is the machine's
            case _ if isinstance(effect, OF_CONNECTION):
                if self._connection is not None:  # else another one is told all, when it opens
                    self._to_model(self._connection, effect)
            case _:
                super().carry_out(effect)
                return
        self._moved.fire()

    def _to_model(self, connection: RealtimeConnection, effect: do.Effect) -> None:
        match effect:
            case do.OpenRecognition(start=start):
                connection.call(lambda: connection.ear.begin(start))
            case do.EndRecognition(until=until):
                connection.call(lambda: connection.ear.end(until))
            case do.StartModel():
                more = "" if effect.tools else NO_MORE_TOOLS
                instructions = "\n\n".join(filter(None, (effect.instructions, more)))
                as_ever = effect.tools and effect.only is None
                connection.respond(effect.reply, instructions, None if as_ever else self._offered(effect))
            case rdo.AwaitResponse():
                connection.await_response(effect.reply)
            case rdo.RefuseResponse():
                connection.refuse_held()
            case rdo.Truncate():
                connection.truncate(effect.reply, effect.clause, effect.audio_end_ms)
            case rdo.Unsay():
                connection.unsay(effect.reply, effect.clause)
            case rdo.GiveResults():
                connection.give_results(effect.reply, effect.results)
            case rdo.Share():
                connection.share(effect.message)

    def _open(self, effect: rdo.OpenModel) -> None:
        self._close()
        tools = self._tools.specs if self._tools is not None else ()
        try:
            stream = self._model.connect(self._machine.chat, tools)
        except Exception as error:
            self._post(rit.ModelLost(self.stamp(), effect.connection, self._model.name, describe(error)))
            return
        connection = self._connection = RealtimeConnection(
            *(effect.connection, self._model.name, stream, tools, self._port, self._desk),
            *(self._start, self._writer_of, self._model_pace),
        )
        self._reading = self._start(connection.run(), f"connection {effect.connection} of the model")
        if self._model.turns == "server":
            connection.call(lambda: connection.ear.begin(effect.start))

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.end()
            self._connection = None
        if self._reading is not None:
            self._tasks.cancel(self._reading)
            self._reading = None

    async def _due_in(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._post(rit.ModelDue(self.stamp()))

    def _writer_of(self, reply: int) -> SegmentWriter:
        return self._of(reply).writer

    def _stop_providers(self, speaking: Speaking) -> None:
        super()._stop_providers(speaking)
        if self._connection is not None:
            self._connection.give_up(speaking.number)

    async def aclose(self) -> None:
        if self._connection is not None:
            self._connection.end()
        await super().aclose()
        self._connection = self._reading = None
