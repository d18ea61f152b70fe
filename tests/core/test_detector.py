"""The three machines of csrc/detector.h, to the window: gate, turn, barge-in. Laws 5 (pure), 10 and 11.

Questions, evidence, hints and the grace time of a turn: test_turn.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import BargeConfig, Detector, DetectorConfig, Event, TurnConfig

W = 512
ENDS_IN_SILENCE = [0.1] * 40
# What these tests are about is the order of things: no early onsets, no backchannels (test_barge.py has those).
# Two windows to speech, four of silence to its end, three of evidence to LIKELY, seven to CONFIRMED, thirteen to FALSE.


def plain(
    *, confirm_after_s: float = 0.224, false_after_s: float = 0.4, barge_in: bool = True, **settings: Any
) -> DetectorConfig:
    """Barge-in by durations alone."""
    settings.setdefault("pause_after_s", 0.096)
    names = ("duck_db", "pause_after_s", "rewind_on_false")
    barge = BargeConfig(
        enabled=barge_in,
        confirm_after_s=confirm_after_s,
        confirm_by_s=confirm_after_s,
        false_after_s=false_after_s,
        doubt_after_s=false_after_s,
        backchannel_least_s=3600.0,
        early_onset=False,
        **{name: settings.pop(name) for name in names if name in settings},
    )
    return DetectorConfig(barge=barge, **settings)


@dataclass
class Run:
    """What a detector made of a list of windows; positions in windows are counted from 0."""

    events: list[Event] = field(default_factory=list)
    actions: dict[int, int] = field(default_factory=dict)  # window -> wishes, where there are any

    def of(self, kind: str) -> list[Event]:
        return [e for e in self.events if e.kind == kind]

    @property
    def barge(self) -> list[tuple[int, int, int]]:
        """(before, now, window in which it was decided)"""
        return [(e.b, e.a, e.decided // W - 1) for e in self.of("barge_in")]


QUIET, SUSPECTED, LIKELY, CONFIRMED, FALSE = range(5)


def run(
    probabilities: list[float],
    *,
    speaking: bool | list[bool] = False,
    segments: list[int] | None = None,
    config: DetectorConfig | None = None,
) -> Run:
    detector = Detector(config if config is not None else plain())
    out = Run()
    for i, p in enumerate(probabilities):
        now = speaking if isinstance(speaking, bool) else speaking[i]
        segment = segments[i] if segments else 7 if now else 0
        actions, events = detector.step(p, (i + 1) * W, now, segment)
        out.events += [e for e in events if e.kind not in ("turn_asked", "turn_unanswered")]
        if actions:
            out.actions[i] = actions
    return out


# ---- gate


def test_speech_starts_at_its_first_window_and_is_decided_when_long_enough() -> None:
    out = run([0.1, 0.1, 0.9, 0.9, 0.9])
    (start,) = out.events
    assert (start.kind, start.mic, start.decided) == ("speech_started", 2 * W, 4 * W)


def test_speech_ends_where_silence_began() -> None:
    out = run([0.9] * 4 + [0.1] * 4)
    (end,) = out.of("speech_ended")
    assert (end.mic, end.decided) == (4 * W, 8 * W)  # 100 ms are reached in the fourth window of silence


def test_one_window_of_noise_is_not_speech() -> None:
    assert run([0.1, 0.9, 0.1, 0.9, 0.1, 0.1]).events == []


def test_a_gap_shorter_than_min_silence_does_not_end_speech() -> None:
    out = run([0.9] * 3 + [0.1] * 3 + [0.9] * 3 + [0.1] * 4)
    assert [(e.kind, e.mic) for e in out.events] == [("speech_started", 0), ("speech_ended", 9 * W)]


def test_between_off_and_on_nothing_changes_but_time_goes_on() -> None:
    assert run([0.4] * 50).events == []
    assert [e.kind for e in run([0.9, 0.4]).events] == ["speech_started"]
    out = run([0.9, 0.9, *[0.4] * 20, 0.1, *[0.4] * 3])
    assert [(e.kind, e.mic) for e in out.events] == [("speech_started", 0), ("speech_ended", 22 * W)]


def test_thresholds_themselves_are_neither_above_nor_below() -> None:
    config = DetectorConfig(on=0.5, off=0.25)
    assert run([0.5] * 10, config=config).events == []
    assert len(run([0.9, 0.9] + [0.25] * 10, config=config).of("speech_ended")) == 0


def test_without_a_minimum_speech_is_decided_in_its_first_window() -> None:
    out = run([0.9, 0.1], config=DetectorConfig(min_speech_s=0, min_silence_s=0))
    assert [(e.kind, e.mic, e.decided) for e in out.events] == [
        ("speech_started", 0, W),
        ("speech_ended", W, 2 * W),
    ]


# ---- turn


def test_a_turn_ends_after_the_silence_since_speech_ended() -> None:
    out = run([0.9] * 10 + ENDS_IN_SILENCE)
    (end,) = out.of("turn_ended")
    assert end.mic == 10 * W
    assert end.decided == (10 + 19) * W  # 0.6 s are 18.75 windows
    assert (end.a, end.b) == (19 * W, QUIET)


def test_speech_within_the_endpoint_silence_goes_on_with_the_turn() -> None:
    out = run([0.9] * 5 + [0.1] * 15 + [0.9] * 5 + ENDS_IN_SILENCE)
    assert len(out.of("speech_started")) == 2
    (end,) = out.of("turn_ended")
    assert end.mic == 25 * W


def test_the_decision_waits_while_something_rises() -> None:
    """Speech that begins in the very window in which the turn would end belongs to it; noise there only delays."""
    begins = [0.9] * 5 + [0.1] * 18 + [0.9]
    assert run([*begins, 0.9, *ENDS_IN_SILENCE]).of("turn_ended")[0].mic == 25 * W
    noise = run([*begins, 0.1, 0.1])
    assert [(e.mic, e.decided, e.a) for e in noise.of("turn_ended")] == [(5 * W, 25 * W, 20 * W)]


def test_an_endpoint_shorter_than_min_silence_ends_the_turn_with_the_speech() -> None:
    out = run([0.9] * 5 + [0.1] * 4, config=DetectorConfig(endpoint_silence_s=0.0))
    assert [e.kind for e in out.events] == ["speech_started", "speech_ended", "turn_ended"]
    assert out.events[1].decided == out.events[2].decided


def test_law10_every_speech_is_in_exactly_one_turn() -> None:
    out = run(([0.9] * 5 + [0.1] * 80) * 3)
    assert [e.kind for e in out.events] == ["speech_started", "speech_ended", "turn_ended"] * 3


# ---- barge-in


def test_barge_in_goes_through_duck_pause_flush() -> None:
    out = run([0.1] * 3 + [0.9] * 8, speaking=True)
    assert out.barge == [(QUIET, SUSPECTED, 3), (SUSPECTED, LIKELY, 5), (LIKELY, CONFIRMED, 9)]
    assert out.actions == {
        3: Detector.DUCK,
        5: Detector.PAUSE,
        9: Detector.FLUSH | Detector.UNDUCK | Detector.RESUME,
    }
    assert {e.mic for e in out.of("barge_in")} == {3 * W}  # the onset
    assert {e.segment for e in out.of("barge_in")} == {7}


def test_a_cough_ducks_and_is_undone() -> None:
    out = run([0.9] + [0.1] * 13, speaking=True)
    assert out.barge == [(QUIET, SUSPECTED, 0), (SUSPECTED, FALSE, 13)]  # 0.4 s are 12.5 windows
    assert out.actions == {0: Detector.DUCK, 13: Detector.UNDUCK}
    assert out.of("speech_started") == []


@pytest.mark.parametrize("rewind", [True, False])
def test_false_barge_in_resumes_what_was_paused(rewind: bool) -> None:
    out = run([0.9] * 4 + [0.1] * 20, speaking=True, config=plain(rewind_on_false=rewind))
    assert out.barge == [(QUIET, SUSPECTED, 0), (SUSPECTED, LIKELY, 2), (LIKELY, FALSE, 16)]
    resume = Detector.RESUME_REWIND if rewind else Detector.RESUME
    assert out.actions[16] == Detector.UNDUCK | resume


def test_the_turn_says_how_its_barge_in_went() -> None:
    """So that a session can tell an answer from an "uh-huh"."""
    uh_huh = [0.9] * 4 + ENDS_IN_SILENCE
    assert [e.b for e in run(uh_huh, speaking=True).of("turn_ended")] == [FALSE]
    assert [e.b for e in run([0.9] * 9 + ENDS_IN_SILENCE, speaking=True).of("turn_ended")] == [CONFIRMED]
    assert [e.b for e in run(uh_huh, speaking=False).of("turn_ended")] == [QUIET]
    slow = plain(false_after_s=3.0)
    assert [e.b for e in run(uh_huh, speaking=True, config=slow).of("turn_ended")] == [LIKELY]


def test_who_already_talks_when_the_agent_starts_interrupts_at_once() -> None:
    out = run([0.9] * 20, speaking=[False] * 15 + [True] * 5)
    assert out.barge == [(QUIET, CONFIRMED, 15)]
    assert out.actions == {15: Detector.FLUSH}
    assert out.of("barge_in")[0].mic == 0


def test_who_began_just_before_the_agent_brings_his_evidence_along() -> None:
    out = run([0.9] * 12, speaking=[False] * 4 + [True] * 8)
    assert out.barge == [(QUIET, LIKELY, 4), (LIKELY, CONFIRMED, 6)]
    assert out.actions[4] == Detector.DUCK | Detector.PAUSE


def test_the_end_of_an_earlier_turn_is_no_evidence_against_the_reply() -> None:
    before = [0.9] * 30 + [0.1] * 10
    out = run([*before, 0.9, 0.1, 0.1], speaking=[False] * 40 + [True] * 3)
    assert out.barge == [(QUIET, SUSPECTED, 40)]


def test_the_agent_stopping_by_itself_undoes_suspicion() -> None:
    suspected = run([0.9] * 2, speaking=[True, False])
    assert suspected.barge == [(QUIET, SUSPECTED, 0), (SUSPECTED, QUIET, 1)]
    assert suspected.actions == {0: Detector.DUCK, 1: Detector.UNDUCK}
    likely = run([0.9] * 4, speaking=[True, True, True, False])
    assert likely.barge[-1] == (LIKELY, QUIET, 3)
    assert likely.actions[3] == Detector.UNDUCK | Detector.RESUME  # nothing to rewind to


def test_a_reply_after_the_sessions_own_flush_is_suspected_anew_with_all_evidence() -> None:
    out = run([0.9] * 8, speaking=[True, True, False, True, True, True, True, True])
    assert out.barge == [(QUIET, SUSPECTED, 0), (SUSPECTED, QUIET, 2), (QUIET, LIKELY, 3), (LIKELY, CONFIRMED, 6)]


def test_the_next_segment_of_a_reply_does_not_change_suspicion() -> None:
    out = run([0.9] * 8, speaking=True, segments=[1, 1, 2, 2, 3, 3, 3, 3])
    assert out.barge == [(QUIET, SUSPECTED, 0), (SUSPECTED, LIKELY, 2), (LIKELY, CONFIRMED, 6)]
    assert [e.segment for e in out.of("barge_in")] == [1, 2, 3]


def test_a_confirmed_segment_is_flushed_once_however_long_it_takes_to_go() -> None:
    out = run([0.9] * 30, speaking=[True] * 20 + [False] * 10)
    assert [e.a for e in out.of("barge_in")] == [SUSPECTED, LIKELY, CONFIRMED]


def test_a_new_segment_right_after_a_flush_can_be_interrupted_too() -> None:
    out = run([0.9] * 9, speaking=True, segments=[1] * 8 + [2])
    assert out.barge[-1] == (QUIET, CONFIRMED, 8)
    assert out.of("barge_in")[-1].segment == 2


def test_barge_in_works_again_on_the_next_reply() -> None:
    once = [0.1] * 20 + [0.9] * 8 + [0.1] * 10
    out = run(once * 2, speaking=([True] * 28 + [False] * 10) * 2)
    assert [e.a for e in out.of("barge_in")] == [SUSPECTED, LIKELY, CONFIRMED] * 2


def test_clicks_never_keep_the_agent_down() -> None:
    """A click every 0.3 s: shorter than speech, so silence between them adds up to a false alarm."""
    out = run(([0.9] + [0.1] * 8) * 20, speaking=True)
    assert CONFIRMED not in [e.a for e in out.of("barge_in")]
    down = 0
    for e in out.of("barge_in"):
        down = e.decided if e.a == SUSPECTED else down
        if e.a == FALSE:
            assert e.decided - down <= 16 * W
    assert sum(e.a == FALSE for e in out.of("barge_in")) >= 10


def test_who_silences_the_agent_has_an_open_turn() -> None:
    """Evidence without speech (min_speech not reached) pauses but does not flush."""
    config = plain(min_speech_s=0.5)
    out = run([0.9] * 15, speaking=True, config=config)
    assert out.barge[:2] == [(QUIET, SUSPECTED, 0), (SUSPECTED, LIKELY, 2)]
    assert out.of("speech_started") == []
    out = run([0.9] * 16, speaking=True, config=config)
    assert [e.kind for e in out.events][-2:] == ["speech_started", "barge_in"]
    assert out.barge[-1] == (LIKELY, CONFIRMED, 15)


def test_hovering_after_a_click_is_silence() -> None:
    out = run([0.9, 0.1] + [0.4] * 20, speaking=True)
    assert [e.a for e in out.of("barge_in")] == [SUSPECTED, FALSE]


def test_without_barge_in_the_playout_is_left_alone() -> None:
    out = run([0.9] * 20, speaking=True, config=plain(barge_in=False))
    assert out.of("barge_in") == []
    assert out.actions == {}
    assert len(out.of("speech_started")) == 1


def test_zero_db_does_not_duck() -> None:
    out = run([0.9] * 8, speaking=True, config=plain(duck_db=0.0))
    assert out.actions == {2: Detector.PAUSE, 6: Detector.FLUSH | Detector.RESUME}


# ---- law 11


def test_a_probability_that_is_no_number_counts_as_silence() -> None:
    out = run([0.9] * 3 + [float("nan")] * 4)
    assert [e.kind for e in out.events] == ["speech_started", "speech_ended"]
    assert run([-1.0] * 5).events == []


def test_positions_must_grow() -> None:
    detector = Detector()
    detector.step(0.1, W)
    with pytest.raises(ValueError, match="must grow"):
        detector.step(0.1, W)


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": 1.0},
        {"on": 0.3, "off": 0.35},
        {"off": 0.0},
        {"on": float("nan")},
        {"duck_db": 1.0},
        {"duck_db": float("nan")},
        {"min_speech_s": -0.1},
        {"false_after_s": float("inf")},
        {"duck_ramp_s": 11.0},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)) + "|thresholds"):
        DetectorConfig(**wrong)


# ---- against a model: the tables of the head comment, written down a second time


class Model:
    def __init__(self, c: DetectorConfig) -> None:
        def samples(s: float) -> int:
            return int(s * 16000 + 0.5)

        self.c = c
        self.min_speech, self.min_silence = samples(c.min_speech_s), samples(c.min_silence_s)
        self.late, self.grace = samples(c.turn.late_after_s), samples(c.turn.grace_s)
        self.asks = [samples(s) for s in c.turn.ask_after_s]
        self.pause, self.confirm = samples(c.barge.pause_after_s), samples(c.barge.confirm_after_s)
        self.false = samples(c.barge.false_after_s)
        self.gate, self.turn, self.barge, self.outcome = "silence", "idle", QUIET, QUIET
        self.rise = self.fall = self.evidence = self.silence = self.segment = self.onset = 0
        self.started = self.fell = self.over = self.over_segment = self.questions = 0
        self.asked: list[int] = []  # when, in this silence
        self.told = False

    def long_enough(self, end: int) -> bool:
        """1.5 * confirm_by since the onset, half of it speech, whatever its shape."""
        return 2 * (end - self.onset) >= 3 * self.confirm and 4 * self.evidence >= 3 * self.confirm

    def step(
        self, p: float, end: int, speaking: bool, segment: int, delay: int
    ) -> tuple[int, list[tuple[str, int, int, int]]]:
        """`delay`: what the policy says, which has tests of its own."""
        start, events, before_gate = end - W, [], self.gate

        # gate
        def begin() -> None:
            self.gate = "speech"
            events.append(("speech_started", self.rise, 0, 0))

        def finish() -> None:
            self.gate = "silence"
            events.append(("speech_ended", self.fall, 0, 0))

        match self.gate:
            case "silence" if p > self.c.on:
                self.gate, self.rise = "rising", start
                if self.barge in (QUIET, CONFIRMED):
                    self.evidence = 0
                if end - start >= self.min_speech:
                    begin()
            case "rising" if p < self.c.off:
                self.gate = "silence"
            case "rising" if end - self.rise >= self.min_speech:
                begin()
            case "speech" if p < self.c.off:
                self.gate, self.fall = "falling", start
                if end - start >= self.min_silence:
                    finish()
            case "falling" if p > self.c.on:
                self.gate = "speech"
            case "falling" if end - self.fall >= self.min_silence:
                finish()

        # a turn begins, or goes on
        began = self.gate == "speech" and before_gate in ("silence", "rising")
        resumed = began and self.turn == "grace" and self.rise < self.over + self.grace
        if began and not resumed and self.turn != "waiting":
            self.started, self.outcome = self.rise, QUIET
        if resumed and self.outcome != CONFIRMED:
            self.outcome = QUIET
        if began or (self.turn == "waiting" and before_gate == "falling" and self.gate == "speech"):
            self.turn = "open"

        # barge
        actions = 0
        if self.c.barge.enabled:
            if self.gate in ("rising", "speech"):
                self.onset = start if self.evidence == 0 else self.onset
                self.evidence += W
            else:
                self.silence += W
            if self.gate == "speech":
                self.silence = 0
            if self.barge == CONFIRMED and not (speaking and segment == self.segment):
                self.barge = QUIET
            before = now = self.barge
            if now == QUIET and speaking and p > self.c.on:
                now, self.silence = SUSPECTED, 0
            if now in (SUSPECTED, LIKELY):
                if not speaking:
                    now = QUIET
                elif self.silence and self.silence >= self.false:
                    now = FALSE
                elif self.gate == "speech" and (self.evidence >= self.confirm or self.long_enough(end)):
                    now = CONFIRMED
                elif self.evidence >= self.pause:
                    now = LIKELY
            if speaking and now != QUIET:
                self.segment = segment
            if now != before:
                down = (SUSPECTED, LIKELY)
                if self.c.barge.duck_db < 0 and (before in down) != (now in down):
                    actions |= Detector.UNDUCK if before in down else Detector.DUCK
                if (before == LIKELY) != (now == LIKELY):
                    if now == LIKELY:
                        actions |= Detector.PAUSE
                    elif now == FALSE and self.c.barge.rewind_on_false:
                        actions |= Detector.RESUME_REWIND
                    else:
                        actions |= Detector.RESUME
                if now == CONFIRMED:
                    actions |= Detector.FLUSH
                events.append(("barge_in", self.onset, now, before))
                if now == CONFIRMED or (now == FALSE and self.outcome != CONFIRMED):
                    self.outcome = now
                self.barge = now
                if now == FALSE:
                    self.barge, self.evidence = QUIET, 0

        # turn
        if resumed:
            events.append(("turn_resumed", self.rise, self.started, self.fell))
        if self.turn == "open" and before_gate == "speech" and self.gate != "speech":
            self.turn, self.fell, self.asked = "waiting", self.fall, []
        if self.turn == "waiting":
            silence = end - self.fell
            late = [number for number, at in enumerate(self.asked) if end - at > self.late]
            if late and not self.told:
                self.told = True
                number = self.questions - len(self.asked) + late[0] + 1
                events.append(("turn_unanswered", self.fell, number, 0))
            if self.gate != "rising" and len(self.asked) < len(self.asks) and silence >= self.asks[len(self.asked)]:
                self.asked.append(end)
                self.questions += 1
                events.append(("turn_asked", self.fell, self.questions, self.started))
            if self.gate == "silence" and silence >= delay:
                pending = self.outcome in (QUIET, FALSE) and self.barge in (SUSPECTED, LIKELY)
                events.append(("turn_ended", self.fell, silence, self.barge if pending else self.outcome))
                self.turn, self.over, self.over_segment = "grace", end, segment if speaking else 0
        elif self.turn == "grace" and self.gate == "silence":
            answered = speaking and segment != self.over_segment
            if answered or end >= self.over + self.grace:
                self.turn = "idle"
        return actions, events


seconds = st.sampled_from([0.0, 0.032, 0.064, 0.1, 0.224, 0.4, 0.6])
configs = st.builds(
    plain,
    min_speech_s=seconds,
    min_silence_s=seconds,
    endpoint_silence_s=seconds,
    pause_after_s=seconds,
    confirm_after_s=seconds,
    false_after_s=seconds,
    duck_db=st.sampled_from([0.0, -12.0]),
    barge_in=st.sampled_from([True, True, True, False]),
    rewind_on_false=st.booleans(),
    turn=st.builds(
        TurnConfig,
        ask_after_s=st.sampled_from([(), (0.0,), (0.0, 0.096, 0.192, 0.288), (0.3, 0.5)]),
        late_after_s=st.sampled_from([0.0, 0.1, 0.3]),
        grace_s=st.sampled_from([0.0, 0.3, 1.5]),
    ),
)
runs = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.35, 0.4, 0.5, 0.9]),
        st.booleans(),
        st.integers(1, 3),  # segment
        st.integers(1, 9),  # windows
    ),
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(configs, runs)
def test_the_detector_is_its_tables(config: DetectorConfig, windows: list[tuple[float, bool, int, int]]) -> None:
    detector, model, end = Detector(config), Model(config), 0
    ducked = paused = False
    for p, speaking, segment, count in windows:
        for _ in range(count):
            end += W
            actions, events = detector.step(p, end, speaking, segment)
            told = [(e.kind, e.mic, e.a, e.b) for e in events]
            delay = round(detector.turn_delay_s * 16000)
            assert (actions, told) == model.step(p, end, speaking, segment, delay)
            assert detector.turn == model.turn
            assert all(e.decided == end and e.mic < end for e in events)
            # What the engine has set on the playout follows from the state alone.
            if actions & Detector.DUCK:
                assert not ducked
            if actions & Detector.PAUSE:
                assert not paused
            ducked = (ducked or bool(actions & Detector.DUCK)) and not actions & Detector.UNDUCK
            paused = (paused or bool(actions & Detector.PAUSE)) and not actions & (
                Detector.RESUME | Detector.RESUME_REWIND
            )
            assert paused == (detector.barge == "likely")
            assert ducked == (config.barge.duck_db < 0 and detector.barge in ("suspected", "likely"))
            # Law 10: whoever silenced the agent has a turn, and every turn opens and ends in turn.
            if actions & Detector.FLUSH:
                assert detector.turn == "open"


def shifted(e: Event, offset: int) -> Event:
    positions = {"turn_asked": ("b",), "turn_ended": ("out",), "turn_resumed": ("a", "b")}.get(e.kind, ())
    return e._replace(**{name: getattr(e, name) + offset for name in ("mic", "decided", *positions)})


@settings(max_examples=100, deadline=None)
@given(configs, runs, st.integers(1, 10**12))
def test_law5_decisions_do_not_depend_on_where_the_clock_stands(
    config: DetectorConfig, windows: list[tuple[float, bool, int, int]], offset: int
) -> None:
    here, there, end = Detector(config), Detector(config), 0
    for p, speaking, segment, count in windows:
        for _ in range(count):
            end += W
            actions, events = here.step(p, end, speaking, segment)
            actions_there, events_there = there.step(p, end + offset, speaking, segment)
            assert actions == actions_there
            assert [shifted(e, offset) for e in events] == events_there
