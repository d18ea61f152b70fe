"""Laws 1, 2, 3: the playout against a plain Python model, sample for sample, over random lives."""

from __future__ import annotations

import os

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtaudio import AudioPort, SegmentCut
from tests.core.playout_model import ModelPlayout, ModelSegment

RATE = 8000
HISTORY_S = 0.02
DB_HALF = -6.0


class PlayoutLives(RuleBasedStateMachine):
    """Session and engine side of one shared port in this process; every output and every event must be the model's."""

    @initialize()
    def begin(self) -> None:
        self.engine = AudioPort.create_shared(RATE, queue_s=0.25, history_s=HISTORY_S)
        self.session = AudioPort.attach(self.engine.fd)
        self.engine.accept(self.session.fd)
        self.session.events()
        self.sides = (self.session.playout, self.engine.playout)
        self.model = ModelPlayout(RATE, int(RATE * HISTORY_S))
        self.live: list[tuple[object, ModelSegment]] = []
        self.next_value = 1.0
        self.refused = 0
        self.mark = 0
        self.seen: list[tuple[str, int, int, int]] = []

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
            self.engine.close()

    def _writable(self) -> bool:
        return bool(self.live)

    @rule()
    def open(self) -> None:
        if len(self.live) < 50:
            self.live.append((self.session.playout.open_segment(), self.model.open()))

    @rule(count=st.integers(0, 300))
    def write(self, count: int) -> None:
        if self._oldest_unended()[0] is None:
            self.open()
        real, model = self._oldest_unended()
        if real is None:
            return
        values = np.arange(self.next_value, self.next_value + count, dtype=np.float32)
        try:
            taken = real.write(values)
        except SegmentCut:
            assert self.model.stale(model), "a segment that no flush concerned was refused"
            self.refused += count
            model.ended = True
            return
        assert not self.model.stale(model), "law 2: what is written after the flush is refused"
        model.samples.extend(values[:taken])
        self.next_value += taken

    def _oldest_unended(self) -> tuple[object, ModelSegment] | tuple[None, None]:
        for real, model in self.live:
            if model.ended:
                continue
            return real, model
        return None, None

    @rule()
    def end(self) -> None:
        real, model = self._oldest_unended()
        if real is not None:
            real.end()
            model.ended = True

    @precondition(lambda self: self._writable())
    @rule(ahead=st.integers(-250, 150), offset=st.integers(0, 9))
    def word(self, ahead: int, offset: int) -> None:
        real, model = self._oldest_unended()
        if real is None:
            real, model = self.live[-1]
        where = max(0, model.consumed + ahead)
        real.add_text(where, offset)
        model.words.append(where)

    @precondition(lambda self: self._writable())
    @rule(where=st.integers(0, 400))
    def mark_it(self, where: int) -> None:
        real, model = self.live[-1]
        if len(model.marks) < 32:
            self.mark += 1
            real.add_mark(where, self.mark)
            model.marks[self.mark] = where

    @rule(side=st.integers(0, 1))
    def flush(self, side: int) -> None:
        self.sides[side].flush()
        self.model.flush(side)

    @rule(side=st.integers(0, 1))
    def pause(self, side: int) -> None:
        self.sides[side].pause()
        self.model.pause(side)

    @rule(side=st.integers(0, 1), rewind=st.booleans())
    def resume(self, side: int, rewind: bool) -> None:
        self.sides[side].resume(rewind)
        self.model.resume(side, rewind)

    @rule(side=st.integers(0, 1), down=st.booleans(), ramp=st.sampled_from([0, 1, 7, 100]))
    def duck(self, side: int, down: bool, ramp: int) -> None:
        self.sides[side].duck(DB_HALF if down else 0.0, (ramp + 0.5) / RATE)
        before = (self.model.duck[side].to, self.model.duck[side].length)
        wanted = (float(np.float32(10 ** (DB_HALF / 20)) if down else 1.0), ramp)
        # The same target and ramp again is no change.
        self.model.duck_wanted[side] = None if (np.float32(wanted[0]), wanted[1]) == before else wanted

    @rule(count=st.integers(1, 120), settle=st.integers(50, 120))
    def pause_and_resume_at_a_word(self, count: int, settle: int) -> None:
        if self.live:
            self.word(-250, 0)
        self.pause(0)
        self.pull(count)
        self.pull(settle)
        self.resume(0, True)
        self.pull(count)

    @rule(count=st.integers(1, 200))
    def pull(self, count: int) -> None:
        got = self.engine.playout.pull(count)
        want = self.model.pull(count)
        np.testing.assert_array_equal(got, want)
        wanted = {"mark", "cut", "segment_done", "paused", "resumed", "underrun", "segment_started"}
        events = [e for e in self.session.events() if e.kind in wanted]
        self.seen += [(e.kind, e.segment, e.a, e.b) for e in events]
        assert sorted(self.seen) == sorted(self.model.events)
        assert [e for e in self.seen if e[0] != "mark"] == [e for e in self.model.events if e[0] != "mark"]

    @invariant()
    def law_1_holds_for_port_and_segments(self) -> None:
        if not hasattr(self, "session"):
            return
        port = self.session.playout.ledger()
        assert port.written + port.replayed == port.played + port.queued + port.dropped
        assert port.pulled == port.played + port.silence + port.concealed
        assert port.refused == self.refused
        assert port.faults == 0
        for real, _ in self.live:
            one = real.ledger()
            assert one.written + one.replayed == one.played + one.queued + one.dropped

    @invariant()
    def account_is_the_models(self) -> None:
        if not hasattr(self, "session"):
            return
        port = self.session.playout.ledger()
        for name, value in self.model.counters.items():
            assert getattr(port, name) == value, name
        for real, model in self.live:
            one = real.ledger()
            assert (one.written, one.played, one.dropped, one.replayed, one.high, one.state) == (
                len(model.samples),
                model.played,
                model.dropped,
                model.replayed,
                model.high,
                model.state,
            )


TestPlayoutLives = PlayoutLives.TestCase
TestPlayoutLives.settings = settings(
    max_examples=int(os.environ.get("RTAUDIO_EXAMPLES", "60")),
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
