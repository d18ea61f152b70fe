"""The turn machine of csrc/turn.h: questions, evidence, hints, grace. Laws 5, 6, 10 and 11.

Windows are fed to the pure Detector; what it tells is compared to the sample. How evidence is weighed is the policy's
and has tests of its own: here it only says "sure" or "never".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import Detector, DetectorConfig, Event, TurnConfig, TurnEvidence, TurnReasons

W = 512
SURE = TurnEvidence(p_trimmed=0.999, p_asked=0.999, f0_end_st=6.0, speech_s=1.0)
NEVER = TurnEvidence(p_trimmed=0.001, p_asked=0.001)
SPEECH, SILENCE = 0.9, 0.1


@dataclass
class Call:
    """A detector, and all that it told."""

    config: DetectorConfig = field(default_factory=DetectorConfig)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.detector = Detector(self.config)
        self.end = 0

    def hear(self, p: float, windows: int, *, speaking: bool = False, segment: int = 7) -> list[Event]:
        told: list[Event] = []
        for _ in range(windows):
            self.end += W
            told += self.detector.step(p, self.end, speaking, segment if speaking else 0)[1]
        self.events += told
        return told

    def answer(self, evidence: TurnEvidence = SURE, question: int | None = None, after: int = 0) -> list[Event]:
        number = self.of("turn_asked")[-1].a if question is None else question
        told = self.detector.evidence(number, evidence, self.end + after)
        self.events += told
        return told

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]


def waiting(windows: int = 1, **config: object) -> Call:
    """A caller who spoke for 10 windows and has been silent for some."""
    call = Call(DetectorConfig(**config))  # type: ignore[arg-type]
    call.hear(SPEECH, 10)
    call.hear(SILENCE, windows)
    return call


# ---- questions


def test_it_asks_when_the_level_falls_and_three_times_more() -> None:
    call = waiting(18)
    asked = call.of("turn_asked")
    assert [(e.mic, e.decided, e.b) for e in asked] == [(10 * W, (10 + n) * W, 0) for n in (1, 3, 6, 9)]
    assert [(e.a, e.c) for e in asked] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert call.of("speech_ended")[0].decided == 14 * W, "the first questions come before the end of speech is decided"


def test_numbers_of_questions_grow_and_the_index_begins_anew() -> None:
    call = waiting(2)
    call.hear(SPEECH, 3)
    call.hear(SILENCE, 4)
    assert [(e.a, e.c, e.mic) for e in call.of("turn_asked")] == [(1, 0, 10 * W), (2, 0, 15 * W), (3, 1, 15 * W)]


def test_nothing_is_asked_while_something_rises() -> None:
    call = waiting(5)
    call.hear(SPEECH, 1)  # not long enough for speech; the third question would be due
    assert len(call.of("turn_asked")) == 2
    call.hear(SILENCE, 1)
    assert len(call.of("turn_asked")) == 3


def test_without_questions_silence_decides_and_nothing_is_missed() -> None:
    call = waiting(30, turn=TurnConfig(ask_after_s=(), silence_s=0.32))
    assert call.of("turn_asked") == call.of("turn_unanswered") == []
    (end,) = call.of("turn_ended")
    assert (end.decided, end.a) == (20 * W, 10 * W)
    assert TurnReasons.of(end).why == ("silence",)


# ---- evidence


def test_evidence_shortens_the_delay() -> None:
    unasked, asked = waiting(40), waiting(1)
    asked.answer()
    asked.hear(SILENCE, 40)
    (early,), (late,) = asked.of("turn_ended"), unasked.of("turn_ended")
    assert early.decided < late.decided
    assert early.a >= early.segment > early.a - W, "the first window end at which the silence has reached the delay"
    reasons = TurnReasons.of(early)
    assert (reasons.asked, reasons.answered, reasons.agent) == (4, 1, "listening")
    assert reasons.probability is not None
    assert reasons.probability > 0.9
    assert "model" in reasons.why
    assert f"{reasons.probability:.2f}" in str(reasons)


def test_evidence_against_it_makes_it_wait() -> None:
    call = waiting(1)
    call.answer(NEVER)
    call.hear(SILENCE, 100)
    (end,) = call.of("turn_ended")
    assert end.a >= 16000  # more than a second, whatever the profile's fallback is
    assert "fallback" in TurnReasons.of(end).why


def test_evidence_that_comes_when_the_silence_is_long_enough_decides_at_once() -> None:
    """Between windows, stamped with where it took effect (law 5)."""
    call = waiting(9)
    told = call.answer(after=300)
    assert [e.kind for e in told] == ["turn_answered", "turn_ended"]
    assert {e.decided for e in told} == {call.end + 300}
    assert told[1].a == 9 * W, "silence as far as it was heard"


def test_what_is_answered_is_told() -> None:
    call = waiting(1)
    (answered,) = call.answer(NEVER, after=40)
    assert (answered.kind, answered.a, answered.mic, answered.decided) == ("turn_answered", 1, 10 * W, 11 * W + 40)
    assert answered.b / 16000 == call.detector.turn_delay_s
    assert 0 <= answered.value < 0.1


def test_a_turn_does_not_end_before_its_speech() -> None:
    """Evidence that comes before the gate is sure waits for it."""
    call = waiting(3, min_silence_s=0.4)
    call.answer()
    call.hear(SILENCE, 20)
    assert [e.kind for e in call.events if e.kind in ("speech_ended", "turn_ended")] == ["speech_ended", "turn_ended"]
    assert call.of("turn_ended")[0].decided == call.of("speech_ended")[0].decided


def test_late_evidence_is_ignored_counted_and_told_once() -> None:
    call = waiting(1)
    assert call.answer(after=1600)[0].kind == "turn_answered", "100 ms are not late"
    call = waiting(1)
    (told,) = call.answer(after=1601)
    assert (told.kind, told.a, told.c) == ("turn_unanswered", 1, 1)
    call.hear(SPEECH, 4)
    call.hear(SILENCE, 1)
    assert call.answer(after=1601) == []
    figures = call.detector.figures()
    assert (figures["turn_late"], figures["turn_unanswered"], figures["turn_answered"]) == (2, 2, 0)


def test_without_a_model_it_is_told_once_and_silence_decides() -> None:
    call = Call()
    for _ in range(3):
        call.hear(SPEECH, 10)
        call.hear(SILENCE, 80)
    (told,) = call.of("turn_unanswered")
    assert (told.a, told.c, told.decided) == (1, 0, 15 * W)  # asked at 11 W; 100 ms are over in the fourth window after
    assert len(call.of("turn_ended")) == 3
    assert all(
        "silence" in TurnReasons.of(e).why and "unanswered" in TurnReasons.of(e).why for e in call.of("turn_ended")
    )
    assert call.detector.figures()["turn_unanswered"] == 12


def test_a_caller_who_pauses_is_waited_for_longer_even_where_all_sounds_complete() -> None:
    """Their own pauses in this call, and no others'."""
    delays = []
    for pauses in (0, 9, 30):
        call = Call(DetectorConfig(turn=TurnConfig(policy={"long_delay_s": 0.0})))
        for _ in range(pauses):
            call.hear(SPEECH, 6)
            call.hear(SILENCE, 10)  # 320 ms
        call.hear(SPEECH, 6)
        call.hear(SILENCE, 1)
        (told,) = call.answer(SURE)
        delays.append(told.b)
        assert bool(told.c & 256) == (pauses > 0), "RTA_TURN_WHY_PAUSES"
    assert delays[0] < delays[1] < delays[2] <= 0.6 * 16000


def test_a_long_thought_teaches_no_more_than_a_short_one() -> None:
    calls = []
    for windows in (16, 18):  # 0.51 and 0.58 s, both before silence alone decides
        call = Call(DetectorConfig(turn=TurnConfig(policy={"long_delay_s": 0.0})))
        for _ in range(6):
            call.hear(SPEECH, 6)
            call.hear(SILENCE, windows)
        call.hear(SPEECH, 6)
        call.hear(SILENCE, 1)
        calls.append(call.answer()[0].b)
    assert calls[0] == calls[1] == round(6 / 9 * 1.5 * 0.5 * 16000)


def test_evidence_of_an_earlier_silence_says_nothing_of_this_one() -> None:
    call = waiting(1)
    call.answer()
    call.hear(SPEECH, 3)
    call.hear(SILENCE, 1)
    assert call.answer(question=1) == []
    assert call.detector.figures()["turn_stale"] == 1
    call.hear(SILENCE, 14)
    assert call.of("turn_ended") == [], "what was answered before the caller went on is forgotten"


@pytest.mark.parametrize("question", [0, 2, 99, 2**63])
def test_evidence_for_no_question_is_counted(question: int) -> None:
    call = waiting(1)
    assert call.answer(question=question) == []
    assert call.answer() != []
    assert call.answer() == [], "the same question again"
    assert call.detector.figures()["turn_stale"] == 2


def test_evidence_that_is_no_number_is_no_evidence() -> None:
    """Law 11."""
    call = waiting(1)
    call.answer(TurnEvidence(p_trimmed=math.inf, p_asked=math.nan, f0_move_st=-math.inf, silence_s=1e30))
    call.hear(SILENCE, 60)
    (end,) = call.of("turn_ended")
    assert TurnReasons.of(end).probability is None or 0 <= end.value <= 1


# ---- grace


@pytest.mark.parametrize(("gap", "resumes"), [(20, True), (65, True), (66, False), (100, False)])
def test_speech_within_the_grace_time_goes_on_with_the_turn(gap: int, resumes: bool) -> None:
    call = waiting(19)  # 0.6 s without evidence
    (end,) = call.of("turn_ended")
    assert end.decided == call.end
    call.hear(SILENCE, gap - 19)
    told = call.hear(SPEECH, 4)
    # 1.5 s are 46.9 windows: rising in the 47th after the end is within them, in the 48th it is not
    kinds = [e.kind for e in told]
    assert kinds == (["speech_started", "turn_resumed"] if resumes else ["speech_started"])
    if resumes:
        assert (told[1].mic, told[1].a, told[1].b) == ((10 + gap) * W, 0, 10 * W)
    call.hear(SILENCE, 40)
    again = call.of("turn_ended")[1]
    assert again.out == (0 if resumes else (10 + gap) * W), "the turn's start stays"
    assert ("resumed" in TurnReasons.of(again).why) is resumes
    assert call.of("turn_asked")[-1].b == again.out


def test_what_is_said_to_an_answer_is_a_new_turn() -> None:
    call = waiting(19)
    call.hear(SILENCE, 3, speaking=True)
    told = call.hear(SPEECH, 4, speaking=True)
    assert "turn_resumed" not in [e.kind for e in told]


def test_speech_that_rose_before_the_answer_began_goes_on() -> None:
    call = waiting(19)
    call.hear(SPEECH, 1)
    told = call.hear(SPEECH, 1, speaking=True)
    assert "turn_resumed" in [e.kind for e in told]


def test_the_agent_who_spoke_on_has_not_answered() -> None:
    """The turn ended while it was speaking: that is not its answer. Another segment is."""
    call = Call(DetectorConfig(barge_in=False))
    call.hear(SPEECH, 10, speaking=True)
    call.hear(SILENCE, 25, speaking=True)
    assert "turn_resumed" in [e.kind for e in call.hear(SPEECH, 4, speaking=True)]
    call.hear(SILENCE, 25, speaking=True)
    call.hear(SILENCE, 1, speaking=True, segment=8)
    assert "turn_resumed" not in [e.kind for e in call.hear(SPEECH, 4, speaking=True, segment=8)]


def test_a_resumed_turn_remembers_that_it_interrupted_the_agent() -> None:
    call = Call()
    call.hear(SPEECH, 14, speaking=True)
    call.hear(SILENCE, 25)
    call.hear(SPEECH, 5)
    call.hear(SILENCE, 40)
    assert [e.b for e in call.of("turn_ended")] == [3, 3]  # CONFIRMED
    assert len(call.of("turn_resumed")) == 1


def test_a_false_alarm_says_nothing_of_the_speech_that_resumes_its_turn() -> None:
    call = Call()
    call.hear(SPEECH, 4, speaking=True)  # "mhm"
    call.hear(SILENCE, 25, speaking=True)
    call.hear(SILENCE, 2)  # the agent has come to its end
    call.hear(SPEECH, 10)
    call.hear(SILENCE, 40)
    first, second = (e.b for e in call.of("turn_ended"))
    assert first not in (0, 3), "neither quiet nor confirmed"
    assert second == 0
    assert len(call.of("turn_resumed")) == 1


def test_who_was_cut_off_is_waited_for() -> None:
    """The caller's own pauses count, those after which a turn was resumed included."""
    call = waiting(19)
    for _ in range(12):
        call.hear(SILENCE, 40)
        call.hear(SPEECH, 5)
        call.hear(SILENCE, 19)
    call.hear(SILENCE, 60)
    last = TurnReasons.of(call.of("turn_ended")[-1])
    assert last.delay_s > 0.6
    assert "pauses" in last.why


# ---- hints


def test_words_are_of_their_turn() -> None:
    call = waiting(1)
    call.detector.hint("words", 3, turn=0)
    assert call.detector.figures()["turn_stale"] == 0
    call.detector.hint("words", 3, turn=W)
    call.detector.hint("stt", 1, turn=99)
    call.detector.hint("backchannel", 1, turn=99)
    assert call.detector.figures()["turn_stale"] == 3
    idle = Call()
    idle.detector.hint("words", 3, turn=0)
    assert idle.detector.figures()["turn_stale"] == 1


def test_the_stt_s_own_end_ends_the_turn_sooner_and_speech_takes_it_back() -> None:
    def end_of(hint_first: bool, goes_on: bool) -> int:
        call = waiting(1)
        if hint_first:
            call.detector.hint("stt", 1, turn=0)
        if goes_on:
            call.hear(SPEECH, 4)
        fell = call.end - (0 if goes_on else W)
        call.hear(SILENCE, 60)
        return call.of("turn_ended")[0].decided - fell

    assert end_of(True, False) < end_of(False, False)
    assert end_of(True, True) == end_of(False, True)


def test_a_hint_can_end_the_turn_between_windows() -> None:
    call = waiting(17)
    told = call.detector.hint("stt", 1, turn=0, at=call.end + 100)
    assert [(e.kind, e.decided) for e in told] == [("turn_ended", call.end + 100)]
    assert "stt" in TurnReasons.of(told[0]).why


@pytest.mark.parametrize("doing", ["thinking", "speaking"])
def test_there_are_settings_of_their_own_while_the_agent_thinks_or_speaks(doing: str) -> None:
    turn = TurnConfig(profile="quick", **{doing: "patient"})  # type: ignore[arg-type]
    reasons = {}
    for busy in (False, True):
        call = Call(DetectorConfig(turn=turn, barge_in=False))
        if doing == "thinking":
            call.detector.hint("thinking", int(busy))
        call.hear(SPEECH, 10)
        call.hear(SILENCE, 80, speaking=busy and doing == "speaking")
        reasons[busy] = TurnReasons.of(call.of("turn_ended")[0])
    assert reasons[True].silence_s > reasons[False].silence_s
    assert (reasons[False].agent, reasons[True].agent) == ("listening", doing)


# ---- settings and bad input (law 11)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"profile": "hasty"}, "patient, default, quick"),
        ({"thinking": "hasty"}, "no profile 'hasty'"),
        ({"ask_after_s": (0, 0.1, 0.2, 0.3, 0.4)}, "at most 4"),
        ({"ask_after_s": (0.1, 0.1)}, "must grow"),
        ({"ask_after_s": (-0.1,)}, "ask_after_s"),
        ({"late_after_s": float("nan")}, "late_after_s"),
        ({"grace_s": 3601.0}, "grace_s"),
        ({"silence_s": -1}, "silence_s"),
        ({"min_delay_s": 2.0, "max_delay_s": 1.0}, "must not be above"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TurnConfig(**wrong)  # type: ignore[arg-type]


def test_settings_can_be_written_down_and_read_back() -> None:
    turn = TurnConfig(profile="patient", speaking="quick", ask_after_s=(0, 0.2), silence_s=0.3, max_delay_s=1.5)
    config = DetectorConfig(on=0.6, turn=turn)
    again = DetectorConfig.from_dict(config.to_dict())
    assert again.to_dict() == config.to_dict()
    assert again.endpoint_silence_s == 0.3
    assert DetectorConfig(endpoint_silence_s=0.7).turn.silence_s == 0.7
    with pytest.raises(ValueError, match="give one of them"):
        DetectorConfig(endpoint_silence_s=0.7, turn=turn)


def test_what_a_detector_is_told_is_checked() -> None:
    call = waiting(1)
    with pytest.raises(ValueError, match="no hint 'mood'"):
        call.detector.hint("mood", 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot be 3"):
        call.detector.hint("asked", 3)
    with pytest.raises(ValueError, match="at most 16"):
        call.detector.evidence(1, [0.0] * 17)
    with pytest.raises(ValueError, match="before the last window"):
        call.detector.evidence(1, SURE, call.end - 1)
    with pytest.raises(ValueError, match="turn_ended"):
        TurnReasons.of(call.of("turn_asked")[0])


# ---- law 5: any mix of windows, evidence and hints

numbers = st.sampled_from([0.0, 0.2, 0.5, 0.97, math.nan, math.inf]) | st.floats(0, 1, width=32)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("windows"), st.sampled_from([0.0, 0.4, 0.9]), st.integers(1, 12), st.booleans()),
        st.tuples(st.just("evidence"), st.integers(-2, 1), st.lists(numbers, max_size=14), st.integers(0, 2000)),
        st.tuples(st.just("hint"), st.sampled_from(["words", "stt", "thinking"]), st.integers(0, 1), st.booleans()),
    ),
    max_size=40,
)  # fmt: skip


def play(config: DetectorConfig, script: list[tuple[object, ...]], offset: int) -> tuple[list[Event], dict[str, int]]:
    detector, end, events, last, began = Detector(config), offset, [], 0, 0
    for kind, *rest in script:
        told: list[Event] = []
        if kind == "windows":
            p, count, speaking = rest
            for _ in range(count):  # type: ignore[call-overload]
                end += W
                told += detector.step(p, end, speaking, 7 if speaking else 0)[1]  # type: ignore[arg-type]
        elif kind == "evidence":
            back, evidence, after = rest
            told = detector.evidence(max(last + back, 0), evidence, end + after)  # type: ignore[operator,arg-type]
        else:
            hint, value, right = rest
            told = detector.hint(hint, value, began if right else began + 1)  # type: ignore[arg-type]
        for event in told:
            last = event.a if event.kind == "turn_asked" else last
            began = event.mic if event.kind == "speech_started" and detector.turn == "open" else began
        events += told
    return events, detector.figures()


turns = st.builds(
    TurnConfig,
    profile=st.sampled_from(["patient", "default", "quick"]),
    speaking=st.sampled_from([None, "quick"]),
    grace_s=st.sampled_from([0.0, 0.5, 1.5]),
)


@settings(max_examples=150, deadline=None)
@given(turns, happenings)
def test_whatever_comes_turns_begin_and_end_in_turn(turn: TurnConfig, script: list[tuple[object, ...]]) -> None:
    """Law 10, and that the same things give the same events again (law 5)."""
    config = DetectorConfig(turn=turn)
    events, figures = play(config, script, 0)
    assert (events, figures) == play(config, script, 0)
    open_since: int | None = None
    over: Event | None = None
    question = 0
    for event in events:
        match event.kind:
            case "speech_started" if open_since is None:
                open_since = event.mic
            case "turn_resumed":
                assert over is not None
                assert (event.a, event.b) == (over.out, over.mic)
                assert event.mic < over.decided + turn.grace_s * 16000
                open_since = event.a
            case "turn_asked":
                assert event.a == question + 1
                question = event.a
                assert event.b == open_since
            case "turn_ended":
                assert event.out == open_since
                assert event.a >= event.segment, "no turn ends before its delay"
                open_since, over = None, event
    assert figures["turn_asked"] == question
    assert figures["turn_resumed"] == sum(event.kind == "turn_resumed" for event in events)
    answers = sum(event.kind == "turn_answered" for event in events)
    assert figures["turn_answered"] == answers <= question
    assert sum(event.kind == "turn_unanswered" for event in events) <= 1
