"""Windows more than half of which were concealed, in place of packets that never came: they decide nothing, by the rows
of gate.h, barge.h and turn.h that name them. Laws 5 and 10."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import BargeConfig, Detector, DetectorConfig, Event, TurnConfig, TurnEvidence

W = 512
CONCEALED, HALF = W // 2 + 1, W // 2
LOUD, SILENT = 0.9, 0.1
SURE = TurnEvidence(p_trimmed=0.999, p_asked=0.999, f0_end_st=6.0, speech_s=1.0)
# Two windows to speech, four of silence to its end, seven to the end of a turn.
PLAIN = BargeConfig(
    confirm_after_s=0.224,
    confirm_by_s=0.224,
    false_after_s=0.4,
    doubt_after_s=0.4,
    backchannel_least_s=0.0,
    early_onset=False,
)
CONFIG = DetectorConfig(
    barge=PLAIN, turn=TurnConfig(silence_s=0.224, min_delay_s=0.224, max_delay_s=0.224), min_silence_s=0.1
)


class Call:
    def __init__(self, config: DetectorConfig = CONFIG) -> None:
        self.detector, self.end = Detector(config), 0
        self.events: list[Event] = []
        self.actions = 0

    def hear(self, p: float, windows: int, *, concealed: int = 0, speaking: bool = False) -> list[str]:
        """What is told; `actions`: of all of them."""
        told: list[Event] = []
        self.actions = 0
        for _ in range(windows):
            self.end += W
            actions, events = self.detector.step(p, self.end, speaking, 7 if speaking else 0, concealed=concealed)
            self.actions |= actions
            told += events
        self.events += told
        return [event.kind for event in told if event.kind not in ("turn_asked", "turn_unanswered")]

    def lose(self, windows: int, p: float = LOUD, *, speaking: bool = False) -> list[str]:
        return self.hear(p, windows, concealed=CONCEALED, speaking=speaking)


def test_more_than_half_is_unheard_and_half_is_not() -> None:
    half = Call()
    half.hear(LOUD, 10, concealed=HALF)
    assert half.detector.gate == "speech"
    more = Call()
    more.hear(LOUD, 10, concealed=CONCEALED)
    assert more.detector.gate == "silence"


# ---- gate


def test_what_is_concealed_starts_no_speech() -> None:
    assert Call().lose(50) == []
    rising = Call()
    rising.hear(LOUD, 1)
    assert rising.lose(50) == []
    assert rising.detector.gate == "rising"
    assert rising.hear(LOUD, 1) == ["speech_started"]  # two windows were heard
    assert rising.events[0].mic == 0
    noise = Call()
    noise.hear(LOUD, 1)
    noise.lose(50)
    assert noise.hear(SILENT, 1) == []
    assert noise.detector.gate == "silence"


@pytest.mark.parametrize("p", [0.0, 0.4, LOUD])
def test_what_is_concealed_ends_no_speech(p: float) -> None:
    call = Call()
    call.hear(LOUD, 5)
    assert call.lose(50, p) == []
    assert call.detector.gate == "speech"
    call.hear(SILENT, 3)
    assert call.lose(50, p) == []
    assert call.detector.gate == "falling"
    assert call.hear(SILENT, 1) == ["speech_ended"]  # the fourth window of silence that was heard
    assert call.events[-1].mic == 55 * W


# ---- turn


def test_what_is_concealed_ends_no_turn() -> None:
    call = Call()
    call.hear(LOUD, 10)
    call.hear(SILENT, 6)
    assert call.lose(100, 0.0) == []
    assert call.detector.turn == "waiting"
    assert call.hear(SILENT, 1) == ["turn_ended"]
    assert call.events[-1].a == 7 * W  # the silence it was decided on


def test_it_asks_nothing_in_what_is_concealed() -> None:
    call = Call()
    call.hear(LOUD, 10)
    call.hear(SILENT, 1)
    call.lose(100, 0.0)
    assert [event.c for event in call.events if event.kind == "turn_asked"] == [0]


def test_speech_that_goes_on_behind_a_gap_goes_on_with_the_turn() -> None:
    call = Call()
    call.hear(LOUD, 10)
    call.hear(SILENT, 5)
    call.lose(60, 0.0)
    assert call.hear(LOUD, 5) == ["speech_started"]
    assert call.detector.turn == "open"
    call.hear(SILENT, 7)
    assert [event.kind for event in call.events].count("turn_ended") == 1


def test_the_grace_time_does_not_run_out_in_a_gap() -> None:
    call = Call()
    call.hear(LOUD, 10)
    assert call.hear(SILENT, 7)[-1] == "turn_ended"
    call.lose(200, 0.0)  # 6.4 s; the grace time is 1.5 s
    assert "turn_resumed" in call.hear(LOUD, 2)


def test_evidence_is_weighed_by_the_silence_that_was_heard() -> None:
    call = Call(DetectorConfig(barge=PLAIN))
    call.hear(LOUD, 10)
    call.hear(SILENT, 1)
    call.lose(40, 0.0)
    asked = call.events[-1]
    assert asked.kind == "turn_asked"
    late = call.detector.evidence(asked.a, SURE, call.end)
    assert [event.kind for event in late] == ["turn_unanswered"], "late by the media clock"
    call.hear(SILENT, 2)
    told = call.detector.evidence(call.events[-1].a, SURE, call.end)
    assert [event.kind for event in told] == ["turn_answered"], "sure, and too short a silence yet"


# ---- barge-in


def test_what_is_concealed_suspects_nothing() -> None:
    call = Call()
    call.lose(50, speaking=True)
    assert (call.detector.barge, call.actions) == ("quiet", 0)


def test_what_is_concealed_confirms_nothing() -> None:
    call = Call()
    call.hear(LOUD, 5, speaking=True)
    assert call.detector.barge == "likely"
    call.lose(50, speaking=True)
    assert (call.detector.barge, call.actions) == ("likely", 0)
    call.hear(LOUD, 2, speaking=True)
    assert call.detector.barge == "confirmed"


def test_what_is_concealed_gives_nothing_up() -> None:
    call = Call()
    call.hear(LOUD, 5, speaking=True)
    call.hear(SILENT, 12, speaking=True)
    call.lose(50, 0.0, speaking=True)
    assert (call.detector.barge, call.actions) == ("likely", 0)
    call.hear(SILENT, 1, speaking=True)
    assert call.detector.barge == "quiet"


def test_the_agent_who_stops_in_a_gap_is_let_go() -> None:
    call = Call()
    call.hear(LOUD, 5, speaking=True)
    call.lose(1, speaking=False)
    assert call.detector.barge == "quiet"
    assert call.actions == Detector.UNDUCK | Detector.RESUME


def test_a_peek_that_was_concealed_suspects_nothing() -> None:
    detector = Detector(DetectorConfig())
    detector.step(0.0, W, True, 7)
    assert detector.peek(0.99, W + 128, True, 7, concealed=CONCEALED) == (0, [])
    assert detector.peek(0.99, W + 256, True, 7, concealed=HALF)[0] == Detector.DUCK


# ---- mic health


def test_what_is_concealed_says_nothing_about_the_microphone() -> None:
    detector, told = Detector(DetectorConfig()), []
    for k in range(1, 2000):
        told += detector.step(0.0, k * W, mic=(0.0, 0, 0), concealed=1)[1]
    assert told == []


# ---- in general: a gap anywhere changes no decision, only where it lies on the clock

seconds = st.sampled_from([0.0, 0.032, 0.1, 0.224, 0.4])
configs = st.builds(
    lambda early, confirm, false, least, silence, grace, speech, pause: DetectorConfig(
        barge=BargeConfig(
            confirm_after_s=confirm,
            confirm_by_s=confirm + 0.1,
            false_after_s=false,
            doubt_after_s=false,
            backchannel_least_s=least,
            early_onset=early,
        ),
        turn=TurnConfig(silence_s=silence + 0.1, min_delay_s=0.05, max_delay_s=silence + 0.3, grace_s=grace),
        min_speech_s=speech,
        min_silence_s=pause,
    ),
    st.booleans(),
    seconds,
    seconds,
    seconds,
    seconds,
    st.sampled_from([0.0, 0.3, 1.5]),
    seconds,
    seconds,
)
heard = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.4, 0.5, 0.9]),
        st.booleans(),
        st.integers(1, 3),  # segment
        st.integers(1, 12),  # windows
        st.integers(0, 60),  # concealed ones behind the first of them
        st.sampled_from([0.0, 0.9]),  # as what the VAD takes those
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(configs, heard)
def test_law10_a_gap_changes_no_decision(
    config: DetectorConfig, script: list[tuple[float, bool, int, int, int, float]]
) -> None:
    whole, broken = Detector(config), Detector(config)
    end = lost = 0
    starts: list[int] = []  # of whole's windows on broken's clock

    def there(position: int) -> int:
        return starts[position // W] + position % W

    for p, speaking, segment, count, gap, taken_for in script:
        mean_square = 0.01 if p > 0.4 else 1e-6
        for k in range(count):
            end += W
            starts.append(end - W + lost)
            told = []
            for detector, at in ((whole, end), (broken, end + lost)):
                told.append(
                    detector.step(
                        p, at, speaking, segment, mic=(mean_square, 0, 0), power=[mean_square] * 4, edge=[0.001] * 4
                    )
                )
            decisions = [
                (e.kind, there(e.mic), e.a, e.b if e.kind == "barge_in" else 0)
                for e in told[0][1]
                if e.kind not in ("turn_unanswered", "turn_resumed")
            ]
            assert told[0][0] == told[1][0]
            assert decisions == [
                (e.kind, e.mic, e.a, e.b if e.kind == "barge_in" else 0)
                for e in told[1][1]
                if e.kind not in ("turn_unanswered", "turn_resumed")
            ]
            assert (whole.gate, whole.turn, whole.barge) == (broken.gate, broken.turn, broken.barge)
            for _ in range(gap if k == 0 else 0):
                lost += W
                assert (
                    broken.step(taken_for, end + lost, speaking, segment, mic=(0.3, 0, 0), power=[0.3] * 4, concealed=W)
                    == (0, [])
                    or broken.figures()["turn_unanswered"] > 0
                )
