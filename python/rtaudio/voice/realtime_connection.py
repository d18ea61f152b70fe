"""One connection to a speech-to-speech model: events become items, effects become calls. Decides nothing but what
realtime_responses.py says.

Whatever the stream raises, or sends that is none of its events, ends the connection: `lost` hears of it once. Owns a
timer: for the first event, and for what a reply waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from rtaudio.voice import items as it
from rtaudio.voice import realtime as rt
from rtaudio.voice import realtime_items as rit
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import Speech, ToolSpec
from rtaudio.voice.pumps import Desk
from rtaudio.voice.realtime_ear import Ear
from rtaudio.voice.realtime_responses import Response, Responses, Waiter, Waiting
from rtaudio.voice.received import checked_speech, whole_characters, wrong_call
from rtaudio.voice.segment_writer import SegmentWriter
from rtaudio.voice.streams import close_stream, describe
from rtaudio.voice.word_finder import Pace, WordFinder

if TYPE_CHECKING:
    from rtaudio.core import AudioPort

NOT_RUN: Final = "not run: the answer was given up before it was complete"
"""The result of a call in a response that nobody wants any more."""
MOST_AHEAD_S: Final = 300.0
"""Audio of one response that is held: a server gives it faster than it is played, and cannot be told to wait."""
MOST_MESSAGES: Final = 64
"""In one response."""


class RealtimeConnection:
    """`run` is its task; when that has ended, the stream is closed and no timer is left."""

    def __init__(
        self,
        number: int,
        name: str,
        stream: rt.RealtimeStream,
        tools: tuple[ToolSpec, ...],
        port: AudioPort,
        desk: Desk,
        start_task: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        writer_of: Callable[[int], SegmentWriter],
        pace: Pace,
    ) -> None:
        self.number, self._name, self._stream, self._tools = number, name, stream, tools
        self._desk, self._start_task, self._writer_of, self._pace = desk, start_task, writer_of, pace
        self._options: SessionOptions = desk.options
        self.ear = Ear(port, stream.push, stream.commit, lambda lost: desk.post(it.AudioLost(desk.stamp(), lost)))
        self._responses = Responses()
        self._over = False
        self._limit: asyncio.TimerHandle | None = None
        self._arm(self._options.llm_first_timeout_s, lambda: self.break_("the server did not take the conversation"))

    # ---- Effects.

    def call(self, act: Callable[[], None]) -> None:
        """One of the stream's own; what it raises ends the connection."""
        if not self._over:
            try:
                act()
            except Exception as error:
                self.break_(describe(error))

    def respond(self, reply: int, instructions: str, tools: tuple[ToolSpec, ...] | None) -> None:
        """`tools`: None: those of the connection."""
        self._wait(Waiter(reply, Waiting.QUEUED, instructions or None, tools))
        self._ask()

    def await_response(self, reply: int) -> None:
        response = self._responses.held
        if response is None:
            self._wait(Waiter(reply, Waiting.AWAITED))
            return
        self._responses.bind(response, reply)
        held, response.held = response.held, []
        self._next_within()
        for event in held:
            if isinstance(event, rt.ToolCalled) and response.given_up:
                self._not_run(event.call.id)
            self._deliver(response, event)

    def refuse_held(self) -> None:
        response = self._responses.refuse_held()
        if response is None:
            return
        for event in response.held:
            if isinstance(event, rt.ToolCalled):
                self._not_run(event.call.id)
        response.held.clear()
        if response is self._responses.active:
            self.call(self._stream.cancel)

    def give_up(self, reply: int) -> None:
        """Nothing more of that reply."""
        waiter, response = self._responses.waiter, self._responses.of(reply)
        if waiter is not None and waiter.reply == reply:
            self._responses.waiter = None
            self._disarm()
            if waiter.state is Waiting.AWAITED:
                self._responses.refuses_next = True
            elif waiter.state is Waiting.ASKED:
                self.call(self._stream.cancel)
        elif response is not None and not response.given_up:
            response.given_up = True
            if response is self._responses.active:
                self._disarm()
                self.call(self._stream.cancel)
            if not response.complete:
                for call in response.calls:
                    self._not_run(call)

    def truncate(self, reply: int, clause: int, audio_end_ms: int) -> None:
        if (message := self._message(reply, clause)) is not None:
            self.call(lambda: self._stream.truncate(message, audio_end_ms))

    def unsay(self, reply: int, clause: int) -> None:
        if (message := self._message(reply, clause)) is not None:
            self.call(lambda: self._stream.delete(message))

    def give_results(self, reply: int, results: tuple[tuple[str, bool], ...]) -> None:
        response = self._responses.of(reply)
        for call, (output, failed) in zip(response.calls if response is not None else (), results, strict=False):
            self.call(lambda call=call, output=output, failed=failed: self._stream.tool_result(call, output, failed))  # type: ignore[misc]

    def _not_run(self, call: object) -> None:
        if isinstance(call, str):
            self.call(lambda: self._stream.tool_result(call, NOT_RUN, True))

    def share(self, message: ChatMessage) -> None:
        self.call(lambda: self._stream.append(message))

    def _message(self, reply: int, clause: int) -> str | None:
        response = self._responses.of(reply)
        return response.messages[clause] if response is not None and clause < len(response.messages) else None

    # ---- The stream.

    async def run(self) -> None:
        what = "the server ended the connection"
        try:
            async for event in self._stream:
                if self._over:
                    break
                self._take(event)
        except Exception as error:
            what = describe(error)
        finally:
            self.break_(what)
            await close_stream(self._stream, self._options.close_timeout_s, self._desk.troubled("llm", self._name))

    def end(self) -> None:
        """It is over because the session wants so."""
        self._over = True
        self._disarm()

    def break_(self, what: str) -> None:
        """It is over; told once."""
        if not self._over:
            self.end()
            self._desk.post(rit.ModelLost(self._desk.stamp(), self.number, self._name, what))

    def _take(self, event: rt.RealtimeEvent) -> None:
        at = self._desk.stamp()
        match event:
            case rt.Ready():
                self._disarm()
                self._desk.post(rit.ModelReady(at, self.number))
            case rt.Expiring():
                self._desk.post(rit.ModelExpiring(at, self.number))
            case rt.UserBegan():
                self._desk.post(rit.ServerHeard(at, self._mic(event.audio_ms)))
            case rt.UserTurn():
                self._responses.refuses_next = False
                self._desk.post(rit.TurnTaken(at, event.item, self._mic(event.audio_ms)))
            case rt.UserTranscript():
                text = whole_characters(event.text)
                self._desk.post(rit.UserWordsCame(at, event.item, text, event.final))
            case rt.UserTranscriptFailed():
                self._desk.post(rit.UserWordsFailed(at, event.item, self._name, event.what))
            case rt.Interrupted():
                self._desk.post(rit.ServerInterrupted(at))
            case rt.ResponseBegan():
                self._began(event)
            case rt.ResponseRefused():
                self._refused(event)
            case rt.TextDelta() | rt.AudioDelta() | rt.ToolCalled() | rt.Used() | rt.ResponseDone():
                self._of_response(event)
            case rt.Troubled():
                self._desk.post(it.ProviderTroubled(at, "llm", self._name, event.what))
            case _:
                raise TypeError(f"sent {type(event).__name__} {event!r:.60}, which is no event of a realtime stream")

    def _mic(self, audio_ms: int | None) -> int:
        return -1 if audio_ms is None else self.ear.mic_at(audio_ms)

    # ---- Responses.

    def _wait(self, waiter: Waiter) -> None:
        self._responses.waiter = waiter
        self._responses.refuses_next = False
        self._arm(self._options.llm_first_timeout_s, self._none_came)

    def _ask(self) -> None:
        waiter = self._responses.waiter
        if waiter is None or waiter.state is not Waiting.QUEUED or self._responses.busy:
            return
        waiter.state, self._responses.pending = Waiting.ASKED, waiter.reply
        self._arm(self._options.llm_first_timeout_s, self._none_came)  # the wait for the one before does not count
        self.call(lambda: self._stream.respond(waiter.reply, waiter.instructions, waiter.tools))

    def _none_came(self) -> None:
        """Nothing of what a reply waits for came in time: it has failed, and the connection with it."""
        waiter, response = self._responses.waiter, self._responses.active
        what = f"no response within {self._options.llm_first_timeout_s} s"
        if waiter is not None and waiter.state is not Waiting.QUEUED:
            self.give_up(waiter.reply)
            self._desk.post(it.TokensFailed(self._desk.stamp(), waiter.reply, self._name, what))
        elif waiter is None and response is not None and response.reply is not None:
            self._fail(response, what)
        self.break_(f"given up: {what}")

    def _next_within(self) -> None:
        def none_came() -> None:
            what = f"nothing more of the response within {self._options.llm_next_timeout_s} s"
            if (response := self._responses.active) is not None and response.reply is not None:
                self._fail(response, what)
            self.break_(f"given up: {what}")

        self._arm(self._options.llm_next_timeout_s, none_came)

    def _began(self, event: rt.ResponseBegan) -> None:
        response = self._responses.began(event.response, event.request)
        if response is self._responses.held:
            self._desk.post(rit.ResponseOffered(self._desk.stamp()))
        elif response.given_up and event.request is None:
            self.call(self._stream.cancel)

    def _refused(self, event: rt.ResponseRefused) -> None:
        waiter = self._responses.waiter
        if self._responses.pending == event.request:
            self._responses.pending = None
        if waiter is not None and waiter.reply == event.request:
            self._responses.waiter = None
            self._disarm()
            self._desk.post(it.TokensFailed(self._desk.stamp(), waiter.reply, self._name, f"refused: {event.what}"))
        self._ask()

    def _of_response(self, event: rt.TextDelta | rt.AudioDelta | rt.ToolCalled | rt.Used | rt.ResponseDone) -> None:
        response = self._responses.active
        if response is None or response.id != event.response:
            return  # of one that is over
        if isinstance(event, rt.ResponseDone):
            self._responses.active = None
        if response is self._responses.held:
            self._hold(response, event)
        elif not response.given_up:
            self._deliver(response, event)
        elif isinstance(event, rt.ToolCalled):
            self._not_run(event.call.id)
        if isinstance(event, rt.ResponseDone):
            self._ask()

    def _hold(self, response: Response, event: rt.RealtimeEvent) -> None:
        response.held.append(event)
        if isinstance(event, rt.AudioDelta):
            response.held_samples += len(event.samples)
            if response.held_samples > MOST_AHEAD_S * event.rate:
                self.refuse_held()
                self._desk.post(rit.ResponseWithdrawn(self._desk.stamp()))
        elif isinstance(event, rt.ResponseDone) and all(
            isinstance(e, rt.Used | rt.ResponseDone) for e in response.held
        ):
            self._responses.refuse_held()
            self._desk.post(rit.ResponseWithdrawn(self._desk.stamp()))

    def _deliver(self, response: Response, event: rt.RealtimeEvent) -> None:
        if response.given_up or response.reply is None:
            return
        try:
            match event:
                case rt.TextDelta():
                    self._text(response, response.reply, event)
                case rt.AudioDelta():
                    self._audio(response, response.reply, event)
                case rt.ToolCalled():
                    self._called(response, response.reply, event)
                case rt.Used():
                    self._desk.post(it.UsageCame(self._desk.stamp(), response.reply, event.usage))
                case rt.ResponseDone():
                    self._disarm()
                    self._start_task(self._finish(response, event), f"end of reply {response.reply}")
                    return
        except Exception as error:
            return self._fail(response, describe(error))
        if not response.given_up:
            self._next_within()

    def _fail(self, response: Response, what: str) -> None:
        assert response.reply is not None
        self.give_up(response.reply)
        self._desk.post(it.TokensFailed(self._desk.stamp(), response.reply, self._name, what))

    def _clause(self, response: Response, message: str) -> int:
        if (clause := response.clause_of(message)) is None:
            if len(response.messages) == MOST_MESSAGES:
                raise ValueError(f"spoke more than {MOST_MESSAGES} messages in one response")
            clause = len(response.messages)
            response.messages.append(message)
            response.finders.append(WordFinder("", self._pace))
        return clause

    def _text(self, response: Response, reply: int, event: rt.TextDelta) -> None:
        clause, text = self._clause(response, event.item), whole_characters(event.text)
        if text:
            response.finders[clause].extend(text)
            self._desk.post(rit.SpokenTextCame(self._desk.stamp(), reply, clause, text))

    def _audio(self, response: Response, reply: int, event: rt.AudioDelta) -> None:
        clause = self._clause(response, event.item)
        speech = checked_speech(Speech(event.samples, event.rate, tuple(event.words)))
        writer, count = self._writer_of(reply), len(speech.samples)
        if count:
            writer.hold(clause, speech.samples, speech.rate)
        words = tuple(speech.words)
        self._desk.post(it.AudioCame(self._desk.stamp(), reply, clause, self._name, count, speech.rate, words))
        if writer.held(clause) > MOST_AHEAD_S * speech.rate:
            raise BufferError(f"gave more than {MOST_AHEAD_S:.0f} s of audio beyond what was played")
        finder = response.finders[clause]
        finder.add(speech)
        if finder.due:
            self._start_task(self._find(response, clause, complete=False), f"words of reply {reply}")

    def _called(self, response: Response, reply: int, event: rt.ToolCalled) -> None:
        response.calls.append(event.call.id)
        tools = self._tools if response.tools is None else response.tools
        if (wrong := wrong_call(event.call, tools, len(response.calls) - 1)) is not None:
            raise ValueError(wrong)
        self._desk.post(it.CallCame(self._desk.stamp(), reply, event.call))

    async def _find(self, response: Response, clause: int, *, complete: bool) -> None:
        found = await response.finders[clause].look(complete=complete)
        if found is not None and response.reply is not None and not response.given_up:
            words, until_s = found
            self._desk.post(it.WordsFound(self._desk.stamp(), response.reply, clause, words, until_s))

    async def _finish(self, response: Response, event: rt.ResponseDone) -> None:
        for clause in range(len(response.messages)):
            await self._find(response, clause, complete=True)
        if response.reply is None or response.given_up:
            return
        if event.what:
            return self._fail(response, event.what)
        response.complete = True
        self._desk.post(it.TokensEnded(self._desk.stamp(), response.reply, self._name))

    # ---- Time.

    def _arm(self, limit_s: float | None, act: Callable[[], None]) -> None:
        self._disarm()
        if limit_s is not None and not self._over:
            self._limit = asyncio.get_running_loop().call_later(limit_s, act)

    def _disarm(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
