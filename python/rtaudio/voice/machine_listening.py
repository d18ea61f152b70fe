"""Recognition between turns: words of which the VAD heard nothing. A part of the session's machine, whose rules are in
the head of machine.py; only with `SessionOptions.listening` "always".

    recognition   leaves to
    (none)        STANDING  nobody talks; from where the turn before ended, so that no sample is left out
    STANDING      a turn's  speech began: it is the turn's recognition from here on; the core says when that is over
    STANDING      a turn's  words came: a turn of which the core knows nothing, over when no further words have come
                            for `words_over_s`; if speech begins meanwhile, the core says when it is over
    STANDING      (none)    it failed, which is told; another one stands RETRY_S later

A turn by words counts like any other: it gives up an answer of which nothing was heard, is answered once, and stops an
agent who may be interrupted at once when it is over (`UserTurns._stops_by_words`), unless it is a backchannel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.machine_noise import NoiseHolds
from rtaudio.voice.reply import Phase
from rtaudio.voice.replying import MIC_RATE
from rtaudio.voice.turns import Turn

RETRY_S: Final = 1.0


class Listening(NoiseHolds):
    """See the module."""

    @property
    def _listening_due(self) -> int | None:
        """Mic position at which the time matters to it."""
        if self.options.listening != "always":
            return None
        if (turn := self.turns.talking) is None:
            return self._listen_from if self.turns.standing is None else None
        return turn.words_at + round(self.options.words_over_s * MIC_RATE) if turn.by_words else None

    def _listen(self) -> Iterator[do.Effect]:
        """After each item was taken."""
        due = self._listening_due
        if due is None or self.closed or self._at.mic < due:
            return
        if (turn := self.turns.talking) is not None:
            yield from self._words_over(turn)
        standing = self.turns.stand(self._at.mic)
        yield do.OpenRecognition(standing.number, standing.start)

    def _transcript(self, turn: Turn, item: it.TranscriptCame | it.TranscriptFailed) -> Iterator[do.Effect]:
        if turn is self.turns.standing:
            if isinstance(item, it.TranscriptFailed):
                self.turns.standing = None
                self._listen_from = self._at.mic + round(RETRY_S * MIC_RATE)
                yield do.CloseRecognition(turn.number)
                yield do.Emit(ev.ProviderFailed(at_s=self._now_s, kind="stt", provider=item.provider, what=item.what))
                return
            if not item.text.strip():
                return
            yield from self._words_began(turn)
        if turn.by_words and isinstance(item, it.TranscriptCame) and item.text.strip():
            turn.words_at = self._at.mic
        yield from super()._transcript(turn, item)

    def _words_began(self, turn: Turn) -> Iterator[do.Effect]:
        self.turns.begin(self._at.mic)
        turn.by_words = True
        yield from self._user_is_back(self._at.mic)
        reply = self.reply
        if reply is not None and reply.kind != "say" and reply.phase is Phase.THINKING:
            yield from self._heard_while_thinking(reply)

    def _words_over(self, turn: Turn) -> Iterator[do.Effect]:
        self.turns.end(turn, turn.words_at, self._at.mic)
        self.presence.fell_silent(turn.words_at)
        turn.decided_ns = turn.ended_ns = self._at.time_ns
        ended_s = turn.end / MIC_RATE
        yield do.Emit(ev.TurnEnded(at_s=self._now_s, turn=turn.turn, ended_s=ended_s, decided_s=self._now_s))
        if turn.failed:
            yield from self._settle(turn)
        else:
            yield do.EndRecognition(turn.number, turn.until)
