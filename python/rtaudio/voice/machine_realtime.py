"""The session's machine where a speech-to-speech model hears, thinks and speaks. The rules of machine.py hold, and:

    turn over         local turns: its audio is the user's message at once, and the answer is asked for without waiting
                      for words. They come when they come, and stand in the history where they were said.
    let go on         "mhm", by the core's ear (the words come too late): a message of the user's, no answer is asked
                      for. Words that say "stop" flush the agent when they come.
    cut               what the model said beyond the last sample heard is taken back: truncated at that sample, in ms of
                      the message's audio; messages of which nothing was heard are deleted (law 9).
    tools called      as ever; results are given when the step comes into the history, then a response is asked for.
    say               is spoken by the TTS, and the model is told.
    lost              a reply ends with the audio there is. Another connection gets the history as it was heard, then
                      again the audio of what the user said since and whose words never came. Then what is unanswered is
                      answered, once (law 10). A model that is not to be had twice in a row is apologised for, once.
    expiring          another connection is taken when nobody speaks and nothing is awaited.
    handed over       the agent that takes over gets a connection of its own, with what it is shown of the talk.

Server turns: the server hears everything and decides when a turn begins and is over; the core still ducks, pauses and
flushes at once, and its turns are not used.

    who confirms      a barge-in is confirmed by whoever says so first: the core ("confirmed"), or the server, by
      a barge-in      interrupting its response or by taking the turn while the agent is heard. Its "the user speaks"
                      alone gives up an answer of which nothing was heard, and stops nobody.
    taken             the server answers by itself: the response that it begins is the reply. One that it begins while
                      the user speaks is refused.
    never taken       a server that began a turn and does not take it within `stt_final_timeout_s` of silence is taken
                      for lost: another connection hears it again. By the core's ear alone nothing is a turn.

    machine_realtime_words.py     words of the user, which come late
    machine_realtime_server.py    turns: ours, or the server's
    machine_realtime_replies.py   replies, and what the model is told of them and of tools
    machine_realtime.py           the connection, every item to its place; these rules

Below machine.py, each may use those above it, and none of those below.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice import realtime_effects as rdo
from rtaudio.voice import realtime_items as rit
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.machine_realtime_replies import ModelReplies
from rtaudio.voice.realtime_reply import grow_to, name_wordless
from rtaudio.voice.reply import Phase
from rtaudio.voice.replying import MIC_RATE, take_audio

APOLOGISE_AFTER: Final = 2
"""Losses in a row."""


class RealtimeMachine(ModelReplies):
    """See the module."""

    def handle(self, item: it.Item) -> list[do.Effect]:
        effects = super().handle(item)
        switched = self.link.there and self._opened_for != self.top.number and not (self.top.waits or self.closed)
        if switched or (self.link.ready and self.link.expiring and self._quiet):
            effects += self._open()
        return effects

    @property
    def _quiet(self) -> bool:
        """Nobody speaks, and nothing is awaited."""
        at_work = self.reply is not None or self.step is not None or self.turns.open or self._user_speaks
        return not (at_work or self._spoken or self._waits or self.closed)

    @property
    def due(self) -> int | None:
        given_up = self._given_up_at
        times = [time for time in (super().due, given_up) if time is not None]
        return min(times, default=None) if not self.closed else None

    @property
    def _waits(self) -> bool:
        """Something is to be asked of the model."""
        return self._wants_to_speak or self._late_untold or self._offered or len(self.queue) > 0

    # ---- Items.

    def _react(self, item: it.Item) -> Iterator[do.Effect]:
        match item:
            case rit.ModelDue():
                if not self.link.there:
                    yield from self._open()
            case rit.ModelReady():
                self.link.became_ready(item.connection)
            case rit.ModelExpiring():
                self.link.expires(item.connection)
            case rit.ModelLost():
                yield from self._lost(item)
            case rit.ServerHeard():
                yield from self._server_heard(item.begin)
            case rit.ServerInterrupted():
                yield from self._server_heard(-1)
                yield from self._stop_for_server()
            case rit.TurnTaken():
                yield from self._taken(item)
            case rit.UserWordsCame() | rit.UserWordsFailed():
                yield from self._words(item)
            case rit.ResponseOffered():
                if self.turns.talking is not None:
                    yield rdo.RefuseResponse()
                else:
                    self._offered = True
            case rit.ResponseWithdrawn():
                self._offered = False
            case rit.SpokenTextCame():
                if (reply := self._find(item.reply)) is not None and reply.working and not reply.text_ended:
                    yield from self._spoken_text(reply, item)
            case it.AudioCame() if item.reply in self._connections:
                if (reply := self._find(item.reply)) is not None and reply.working and not reply.text_ended:
                    yield from grow_to(reply, item.clause)
                    yield from take_audio(reply, item)
                    yield from self._retire_silent(reply)
            case it.TokensEnded() | it.TokensFailed() if item.reply in self._connections:
                if (reply := self._find(item.reply)) is not None and reply.working and not reply.text_ended:
                    yield from self._response_over(reply, item)
            case it.ReplyCut() if item.reply in self._connections:
                if (reply := self._find(item.reply)) is not None:
                    name_wordless(reply)
                yield from super()._react(item)
            case it.SpeechPaused():
                self._user_speaks = False
                yield from super()._react(item)
            case it.TimeCame():
                if (at := self._given_up_at) is not None and item.at.mic >= at:
                    yield from self._never_taken()
                yield from super()._react(item)
            case _:
                yield from super()._react(item)

    # ---- The connection.

    def _open(self) -> Iterator[do.Effect]:
        """Another connection, and what it must hear again: what was said since the agent was last heard, where its
        words have not come into the history."""
        self._offered = self._expected = False
        since = self._agent_from()
        self._spoken = [spoken for spoken in self._spoken if spoken.turn.begin >= since]
        again, talking = [spoken.turn for spoken in self._spoken], self.turns.talking
        starts = [turn.start for turn in (*again, talking) if turn is not None]
        if self._spoke_from is not None:
            starts.append(max(0, self._spoke_from - round(self.options.pre_roll_s * MIC_RATE)))
        self._opened_for = 0 if self.top.waits else self.top.number
        yield rdo.OpenModel(self.link.open(), min(starts, default=self._at.mic))
        for message in self._after:
            yield from self._share(message)
        if self._server_turns:
            if self._unanswered in again:
                self._unanswered = None  # the server will take it anew
            self._spoken.clear()
            if talking is not None:
                yield from self._drop_turn(talking)
            return
        for spoken in self._spoken:
            spoken.name = None
            yield do.OpenRecognition(spoken.turn.number, spoken.turn.start)
            yield do.EndRecognition(spoken.turn.number, spoken.turn.until)
        if talking is not None:
            yield do.OpenRecognition(talking.number, talking.start)

    def _agent_from(self) -> int:
        """Mic position at which the agent began that was heard last, or is."""
        if self.reply is not None and self.reply.phase is Phase.SPEAKING:
            return self.reply.began_mic
        for message in reversed(self.history.messages[self._floor :]):
            if message.role == "assistant" and message.text:
                return round(message.began_s * MIC_RATE)
        return 0

    def _lost(self, item: rit.ModelLost) -> Iterator[do.Effect]:
        if (again_s := self.link.lost(item.connection)) is None:
            return
        yield do.Emit(ev.ProviderFailed(at_s=self._now_s, kind="llm", provider=item.provider, what=item.what))
        yield rdo.CloseModel(item.connection, again_s)
        self._offered = self._expected = False
        self._early.clear()
        reply, since = self.reply, self._agent_from()
        if lost := sum(spoken.turn.begin < since for spoken in self._spoken):
            what = f"the connection ended before the words of {lost} turns came that had been answered"
            yield do.Emit(ev.ProviderFailed(at_s=self._now_s, kind="stt", provider=item.provider, what=what))
        if reply is not None and reply.number in self._connections and not reply.text_ended:
            if reply.opened:
                yield from self._response_over(reply, it.TokensFailed(self._at, reply.number, item.provider, item.what))
            else:
                yield from self._stop(reply)
        text = self.options.llm_failed_text
        waits = self._waits or self.turns.open or self.queue.presses
        if self.link.losses == APOLOGISE_AFTER and text and not self.queue.texts and waits:
            self.queue.put(it.SayAsked(self._at, text, 0))

    # ---- The user's turns.

    def _speech_began(self, item: it.SpeechBegan) -> Iterator[do.Effect]:
        self._user_speaks = True
        if not self._server_turns:
            yield from super()._speech_began(item)
            return
        self._began_at = item.begin
        self._spoke_from = item.begin if self._spoke_from is None else self._spoke_from
        yield do.Emit(ev.SpeechStarted(at_s=self._now_s, began_s=item.begin / MIC_RATE))
        yield from self._user_is_back(item.begin)

    def _turn_over(self, item: it.TurnOver) -> Iterator[do.Effect]:
        if not self._server_turns:
            turn = self.turns.talking
            yield from super()._turn_over(item)
            yield from self._take_now(turn)
        elif self.link.ready and self.turns.talking is None:
            self._spoke_from = None  # the server heard it, and makes no turn of it

    def _typed(self, text: str) -> Iterator[do.Effect]:
        yield from super()._typed(text)
        yield from self._share(ChatMessage("user", text, began_s=self._now_s, ended_s=self._now_s))

    def _listened(self) -> Iterator[do.Effect]:
        if not self._server_turns:
            turn = self.turns.talking
            yield from super()._listened()
            if self.turns.talking is None:
                yield from self._take_now(turn)

    def _went_on(self, item: it.TurnWentOn) -> Iterator[do.Effect]:
        if not self._server_turns:
            yield from super()._went_on(item)

    def _taken(self, item: rit.TurnTaken) -> Iterator[do.Effect]:
        if self._server_turns:
            yield from self._server_took(item)
        waiting = next((spoken for spoken in self._spoken if spoken.name is None), None)
        if waiting is not None:
            waiting.name = item.name
        if (early := self._early.pop(item.name, None)) is not None:
            yield from self._words(early)

    def _never_taken(self) -> Iterator[do.Effect]:
        """The connection is of no use any more; the next one hears it again."""
        what = f"took no turn within {self.options.stt_final_timeout_s} s of the end of the user's speech"
        yield from self._lost(rit.ModelLost(self._at, self.link.number, "realtime model", what))
        if (turn := self.turns.talking) is not None and not self.link.there:
            yield from self._drop_turn(turn)
