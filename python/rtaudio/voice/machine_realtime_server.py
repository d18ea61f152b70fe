"""Turns where a speech-to-speech model hears: taken by our detector at once, or by the server, which then answers.
A part of the session's machine, whose rules are in the head of machine_realtime.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import realtime_effects as rdo
from rtaudio.voice import realtime_items as rit
from rtaudio.voice.agent import Agent, AgentSettings
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.machine_realtime_words import AWAITED_WORDS, LateWords, Spoken
from rtaudio.voice.machine_turns import LET_GO_ON
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.reply import Phase
from rtaudio.voice.replying import MIC_RATE
from rtaudio.voice.turns import Turn


class ServerTurns(LateWords):
    """See the module."""

    def __init__(
        self,
        agent: Agent | AgentSettings,
        options: SessionOptions,
        port_rate: int,
        history: ChatContext | None = None,
        *,
        server_turns: bool,
    ) -> None:
        super().__init__(agent, options, port_rate, history)
        self._server_turns = server_turns
        self._offered = False  # a response is held
        self._expected = False  # the server is about to answer by itself
        self._user_speaks = False  # by the core's ear
        self._spoke_from: int | None = None  # the same: what the server has not taken, or passed over
        self._began_at = 0  # the same: the last time

    @property
    def _given_up_at(self) -> int | None:
        """Mic position at which a turn is none that the server began and does not take."""
        turn, wait_s = self.turns.talking, self.options.stt_final_timeout_s
        if not self._server_turns or turn is None or wait_s is None or self._user_speaks:
            return None
        return max(turn.begin, self.presence.last_heard or 0) + round(wait_s * MIC_RATE)

    def _take_now(self, turn: Turn | None) -> Iterator[do.Effect]:
        if turn is not None:
            yield from self._settle(turn)

    def _take_turn(self, turn: Turn) -> Iterator[do.Effect]:
        """It is over; what it says comes later."""
        speaks_on = self.reply is not None and self.reply.phase is Phase.SPEAKING
        lets_go_on = speaks_on and turn.barge in LET_GO_ON and not self._server_turns
        if not lets_go_on:
            self._unanswered = turn
        self._spoken.append(Spoken(turn, lets_go_on and turn.barge == "backchannel"))
        del self._spoken[:-AWAITED_WORDS]
        return
        yield

    def _server_heard(self, begin: int) -> Iterator[do.Effect]:
        if self.turns.talking is not None:
            return
        if begin < 0:
            begin = self._spoke_from if self._spoke_from is not None else self._began_at
        self.turns.begin(begin)
        reply = self.reply
        if reply is not None and reply.kind != "say" and reply.phase is Phase.THINKING:
            yield from self._stop(reply)
        if self._offered:
            self._offered = False
            yield rdo.RefuseResponse()

    def _server_took(self, item: rit.TurnTaken) -> Iterator[do.Effect]:
        yield from self._server_heard(-1)
        turn = self.turns.talking
        assert turn is not None
        end = max(turn.begin, item.end if item.end >= 0 else min(self.presence.last_heard or 0, self._at.mic))
        self._spoke_from = None
        self._expected = True
        self.turns.end(turn, end, self._at.mic)
        turn.decided_ns = self._at.time_ns
        turn.ended_ns = self._at.time_ns - (self._at.mic - end) * 1_000_000_000 // MIC_RATE
        ended_s = end / MIC_RATE
        yield do.Emit(ev.TurnEnded(at_s=self._now_s, turn=turn.turn, ended_s=ended_s, decided_s=self._now_s))
        yield from self._take_now(turn)
        yield from self._stop_for_server()

    def _stop_for_server(self) -> Iterator[do.Effect]:
        """The server takes the agent to be interrupted."""
        reply = self.reply
        if reply is not None and reply.phase is Phase.SPEAKING and reply.interruption == "immediate":
            yield from self._stop(reply)

    def _drop_turn(self, turn: Turn) -> Iterator[do.Effect]:
        for _ in self.turns.settle(turn):
            pass
        return
        yield
