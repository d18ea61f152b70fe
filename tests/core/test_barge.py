"""Barge-in beyond durations: early onsets, echo, backchannels, policies, words. Contract: csrc/barge.h. Laws 5, 6."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import (
    AudioPort,
    BargeConfig,
    Detector,
    DetectorConfig,
    Engine,
    Event,
    Playout,
    SegmentCut,
    SileroVad,
    TurnEvidence,
)
from rtaudio.core.journal import Journal, read_journal
from rtaudio.core.replay import PEEK, check_replay

W = 512
QUIET, SUSPECTED, LIKELY, CONFIRMED, FALSE, BACKCHANNEL, STOPPING, KEPT = range(8)
IMMEDIATE, PAUSE, DUCK_ONLY, AFTER_SENTENCE, OFF = range(5)
LOUD, SOFT = (0.1,) * 4, (0.0001,) * 4
SPEECH, NOTHING = [0.9], [0.05]


class Talk:
    """A detector whose agent speaks, and what it told of barge-in."""

    def __init__(self, config: BargeConfig | None = None, policy: int = IMMEDIATE) -> None:
        self.detector = Detector(DetectorConfig(barge=config))
        self.policy, self.sentences, self.segment = policy, 0, 1
        self.end = 0
        self.events: list[Event] = []
        self.actions: list[int] = []

    def hear(
        self, *probabilities: float, speaking: bool = True, power: tuple[float, ...] = LOUD, **facts: float
    ) -> None:
        for p in probabilities:
            self.end += W
            done, told = self.detector.step(
                p,
                self.end,
                speaking,
                self.segment if speaking else 0,
                policy=self.policy,
                sentences=self.sentences,
                power=power,
                edge=power,
                **facts,  # type: ignore[arg-type]
            )
            self.keep(done, told)

    def peek(self, p: float, at: int, **facts: float) -> None:
        done, told = self.detector.peek(p, self.end + at, True, self.segment, policy=self.policy, **facts)  # type: ignore[arg-type]
        self.keep(done, told)

    def keep(self, done: int, told: list[Event]) -> None:
        self.events += told
        self.actions += [done] if done else []

    @property
    def states(self) -> list[int]:
        return [e.a for e in self.events if e.kind == "barge_in"]

    @property
    def outcomes(self) -> list[int]:
        return [e.b for e in self.events if e.kind == "turn_ended"]


# ---- early onset


def test_a_peek_that_rises_suspects_before_the_window_is_whole() -> None:
    talk = Talk()
    talk.hear(0.05)
    talk.peek(0.1, 128)
    talk.peek(0.6, 256)
    assert talk.states == [SUSPECTED]
    assert talk.actions == [Detector.DUCK]
    assert talk.events[-1].decided == W + 256


def test_a_peek_that_creeps_does_not() -> None:
    talk = Talk()
    for p in (0.1, 0.3, 0.45):
        talk.hear(p)
        for at in (128, 256, 384):
            talk.peek(p + 0.0001 * at, at)
    assert talk.states == []


def test_a_suspicion_without_speech_is_given_up_soon() -> None:
    talk = Talk(BargeConfig(doubt_after_s=0.16))
    talk.peek(0.96, 128)
    talk.hear(*NOTHING * 5)
    assert talk.states == [SUSPECTED, FALSE]
    assert talk.actions == [Detector.DUCK, Detector.UNDUCK]


@pytest.mark.parametrize(
    ("mean_square", "echo", "onset_loud", "ducks"),
    [(1e-3, 0.0, 0.06, True), (1e-4, 0.0, 0.06, False), (1e-3, 0.95, 0.06, False), (1e-3, 0.0, 1.0, False)],
)
def test_what_stands_out_needs_little_probability(
    mean_square: float, echo: float, onset_loud: float, ducks: bool
) -> None:
    """13 dB above what is there when nobody speaks, without the agent's echo."""
    talk = Talk(BargeConfig(onset_loud=onset_loud, echo_most=1.0))
    talk.hear(*[0.02] * 30, mic=(1e-5, 0, 0))  # type: ignore[arg-type]
    talk.peek(0.1, 128, mean_square=mean_square, echo=echo)
    assert talk.states == ([SUSPECTED] if ducks else [])


def test_a_suspicion_in_silence_begins_without_the_speech_of_before() -> None:
    talk = Talk()
    talk.hear(*SPEECH * 30, *NOTHING * 8)
    assert talk.states[-1] == CONFIRMED
    talk.segment = 2
    talk.hear(0.05, 0.45)  # rises, and the gate stays silent
    assert talk.states[-1] == SUSPECTED


def test_who_is_softer_than_he_was_needs_more_speech() -> None:
    def windows(power: float, talk: Talk) -> int:
        count = 0
        while not talk.states or talk.states[-1] != CONFIRMED:
            talk.hear(*SPEECH, power=(power,) * 4)
            count += 1
        talk.hear(*NOTHING * 20)
        talk.segment += 1
        talk.events.clear()
        return count

    def twice(power: float, **settings: float) -> int:
        talk = Talk(BargeConfig(**settings))  # type: ignore[arg-type]
        windows(0.1, talk)
        return windows(power, talk)

    assert twice(0.2) < twice(0.1) < twice(0.02)
    assert twice(0.02, level_counts_s=0) == twice(0.2, level_counts_s=0)


@pytest.mark.parametrize(("level_counts_s", "more"), [(0.0, 0), (0.128, 2), (0.256, 4)])
def test_who_has_not_taken_the_floor_yet_needs_more_speech(level_counts_s: float, more: int) -> None:
    """How loud he is when he does is not known: level_counts / 2 more, and what he says is as even as a hum."""
    talk = Talk(BargeConfig(level_counts_s=level_counts_s, confirm_by_s=0.448))
    spoken = 0
    while CONFIRMED not in talk.states:
        talk.hear(*SPEECH)
        spoken += 1
    assert spoken == 14 + more


def test_peeks_say_nothing_where_the_echo_explains_them() -> None:
    talk = Talk(BargeConfig(echo_most=0.75))
    talk.hear(0.05)
    talk.peek(0.99, 128, echo=0.8)
    assert talk.states == []
    talk.peek(0.99, 256, echo=0.7)
    assert talk.states == [SUSPECTED]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_peeks_change_no_gate_no_turn_and_no_evidence(looks: list[tuple[float, float, float]]) -> None:
    """Law 6: what is decided in windows is the same with and without them, but for the suspicion itself."""
    with_peeks, without = Talk(), Talk(BargeConfig(early_onset=False))
    for window, one, other in looks:
        with_peeks.peek(one, 128)
        with_peeks.peek(other, 256)
        with_peeks.hear(window)
        without.hear(window)
    for kind in ("speech_started", "speech_ended", "turn_ended"):
        told = [[(e.mic, e.decided) for e in talk.events if e.kind == kind] for talk in (with_peeks, without)]
        assert told[0] == told[1]
    assert (CONFIRMED in with_peeks.states) >= (CONFIRMED in without.states)


# ---- echo


def test_what_is_left_without_the_echo_decides() -> None:
    """The mic hears speech all the time: the agent's. Nobody else speaks."""
    talk = Talk()
    talk.hear(*NOTHING * 3, near=0.01, echo=0.9)
    talk.hear(*SPEECH * 60, near=0.01, echo=0.4)
    assert talk.states == []
    assert not [e for e in talk.events if e.kind == "speech_started"]


def test_who_speaks_into_an_echo_interrupts() -> None:
    talk = Talk()
    talk.hear(*SPEECH * 10, near=0.01, echo=0.9)
    talk.hear(*SPEECH * 20, near=0.9, echo=0.4)
    assert talk.states == [SUSPECTED, LIKELY, CONFIRMED]


def test_the_mic_counts_beside_it_where_there_is_no_echo_and_it_is_louder_than_the_echo_was() -> None:
    for level, heard in ((0.5, True), (0.01, False)):
        talk = Talk()
        talk.hear(*SPEECH * 10, near=0.01, echo=0.9, mic=(0.01, 0, 0))  # type: ignore[arg-type]
        talk.hear(*SPEECH * 20, near=0.01, echo=0.0, mic=(level, 0, 0))  # type: ignore[arg-type]
        assert (CONFIRMED in talk.states) == heard


def test_an_echo_is_heard_as_such_only_while_the_agent_speaks() -> None:
    talk = Talk()
    talk.hear(*SPEECH * 5, speaking=False, echo=1.0)
    assert [e.kind for e in talk.events] == ["speech_started"]


# ---- backchannels


def test_a_short_sound_followed_by_silence_is_a_backchannel() -> None:
    talk = Talk()
    talk.hear(*SPEECH * 9, *NOTHING * 40)
    assert talk.states == [SUSPECTED, LIKELY, BACKCHANNEL]
    assert talk.actions == [Detector.DUCK, Detector.PAUSE, Detector.UNDUCK | Detector.RESUME_REWIND]
    assert talk.outcomes == [BACKCHANNEL]


def test_a_decay_does_not_make_it_longer() -> None:
    """The VAD holds on for some windows after a sound; they are not loud."""
    config = BargeConfig(confirm_after_s=0.32, confirm_by_s=0.4, level_counts_s=0.0)
    talk = Talk(config)
    talk.hear(*SPEECH * 9)
    talk.hear(*SPEECH * 5, power=SOFT)
    talk.hear(*NOTHING * 40)
    assert talk.states == [SUSPECTED, LIKELY, BACKCHANNEL]
    longer = Talk(config)
    longer.hear(*SPEECH * 14)
    assert longer.states == [SUSPECTED, LIKELY, CONFIRMED]


def test_after_a_backchannel_the_next_one_needs_its_own_evidence() -> None:
    talk = Talk()
    for _ in range(3):
        talk.hear(*SPEECH * 8, *NOTHING * 30)
    assert talk.states == [SUSPECTED, LIKELY, BACKCHANNEL] * 3


def test_a_hint_that_the_words_are_a_backchannels_holds_back() -> None:
    talk = Talk()
    talk.hear(*SPEECH * 5)
    talk.detector.hint("backchannel", 1)
    talk.hear(*SPEECH * 20, *NOTHING * 30)
    assert CONFIRMED not in talk.states
    assert talk.states[-1] == BACKCHANNEL


def test_words_can_be_asked_for() -> None:
    talk = Talk(BargeConfig(min_words=2))
    talk.hear(*SPEECH * 25)
    assert CONFIRMED not in talk.states
    talk.detector.hint("words", 2)
    talk.hear(*SPEECH)
    assert talk.states[-1] == CONFIRMED
    mute = Talk(BargeConfig(min_words=2, confirm_by_s=0.64))  # no words ever come
    mute.hear(*SPEECH * 61)
    assert mute.states[-1] == CONFIRMED


def test_a_hint_says_how_many_words_from_now_on() -> None:
    talk = Talk()
    talk.detector.hint("min_words", 3)
    talk.hear(*SPEECH * 25)
    talk.detector.hint("words", 2)
    talk.hear(*SPEECH)
    assert CONFIRMED not in talk.states
    talk.detector.hint("words", 3)
    talk.hear(*SPEECH)
    assert talk.states[-1] == CONFIRMED
    none = Talk(BargeConfig(min_words=3))
    none.detector.hint("min_words", 0)
    none.hear(*SPEECH * 25)
    assert none.states[-1] == CONFIRMED
    with pytest.raises(ValueError, match="a hint 'min_words' cannot be 1001"):
        none.detector.hint("min_words", 1001)


def test_words_of_the_turn_before_are_no_words_of_this_one() -> None:
    talk = Talk(BargeConfig(min_words=2), policy=OFF)
    talk.hear(*SPEECH * 20)
    talk.detector.hint("words", 7, talk.detector.turn_began)
    talk.detector.hint("backchannel", 1, talk.detector.turn_began)
    talk.hear(*NOTHING * 150)
    assert talk.detector.turn == "idle"
    talk.policy = IMMEDIATE
    talk.hear(*SPEECH * 25)
    assert CONFIRMED not in talk.states


# ---- policies


def test_off_leaves_the_agent_alone_and_the_turn_whole() -> None:
    talk = Talk(policy=OFF)
    talk.peek(0.99, 128)
    talk.hear(*SPEECH * 30, *NOTHING * 40)
    assert talk.states == []
    assert talk.actions == []
    assert talk.outcomes == [QUIET]


@pytest.mark.parametrize(("policy", "pauses"), [(PAUSE, True), (DUCK_ONLY, False)])
def test_what_the_policy_does_not_let_through_is_kept(policy: int, pauses: bool) -> None:
    talk = Talk(policy=policy)
    talk.hear(*SPEECH * 30, *NOTHING * 40)
    assert talk.states == [SUSPECTED, LIKELY, KEPT]
    done = sum(talk.actions)
    assert bool(done & Detector.PAUSE) == pauses
    assert not done & Detector.FLUSH
    assert talk.outcomes == [KEPT]


@pytest.mark.parametrize(("more", "last"), [(2, FALSE), (8, BACKCHANNEL)])
def test_what_was_kept_stays_so_whatever_is_heard_after_it_in_the_turn(more: int, last: int) -> None:
    """Law 10: a question with a "mhm" after it is a question."""
    talk = Talk(policy=PAUSE)
    talk.hear(*SPEECH * 30, *NOTHING * 14)
    assert talk.states[-1] == KEPT
    talk.hear(*SPEECH * more, *NOTHING * 60)
    assert talk.states[-1] == last
    assert talk.outcomes == [KEPT]


def test_who_listens_and_then_speaks_has_not_paused() -> None:
    """An "mhm" and what comes 0.5 s later are no sentence with a pause in it: nothing is learnt of pauses."""
    talk = Talk()
    for _ in range(12):
        talk.hear(*SPEECH * 8, *NOTHING * 15)
    assert talk.states == [SUSPECTED, LIKELY, BACKCHANNEL] * 12
    talk.hear(*SPEECH * 8, *NOTHING)
    question = [event.a for event in talk.events if event.kind == "turn_asked"][-1]
    evidence = TurnEvidence(p_trimmed=0.999, p_asked=0.999, f0_end_st=6.0, speech_s=1.0)
    (told,) = talk.detector.evidence(question, evidence, talk.end)
    assert not told.c & 256, "RTA_TURN_WHY_PAUSES"


def test_what_is_still_open_is_told_before_what_came_to_nothing() -> None:
    talk = Talk(policy=PAUSE)
    talk.hear(*SPEECH * 2, *NOTHING * 14)
    assert talk.states[-1] == FALSE
    talk.hear(*SPEECH * 30, *NOTHING)
    asked = [event.a for event in talk.events if event.kind == "turn_asked"]
    talk.keep(0, talk.detector.evidence(asked[-1], TurnEvidence(p_trimmed=0.999, p_asked=0.999), talk.end))
    talk.hear(*NOTHING * 20)
    assert talk.outcomes == [LIKELY]
    assert talk.states[-1] == KEPT, "which came after the turn was over"


def test_after_sentence_waits_for_the_end_of_one() -> None:
    talk = Talk(policy=AFTER_SENTENCE)
    talk.hear(*SPEECH * 20)
    assert talk.states == [SUSPECTED, LIKELY, STOPPING]
    assert talk.actions == []
    talk.hear(*SPEECH * 20)
    talk.sentences += 1
    talk.hear(*SPEECH)
    assert talk.states[-1] == CONFIRMED
    assert talk.actions == [Detector.FLUSH]


@pytest.mark.parametrize("policy", [PAUSE, DUCK_ONLY])
def test_what_follows_the_sentence_is_not_cut_where_its_policy_protects_it(policy: int) -> None:
    talk = Talk(policy=AFTER_SENTENCE)
    talk.hear(*SPEECH * 20)
    assert talk.states[-1] == STOPPING
    talk.sentences, talk.segment, talk.policy = 1, 2, policy
    talk.hear(*SPEECH, *NOTHING * 40)
    assert talk.states[-2:] == [LIKELY, KEPT]
    assert not sum(talk.actions) & Detector.FLUSH
    assert talk.outcomes == [KEPT]


def test_the_policy_of_the_next_segment_holds_at_once() -> None:
    talk = Talk()
    talk.hear(*SPEECH * 4)
    assert talk.states == [SUSPECTED, LIKELY]
    talk.segment, talk.policy = 2, DUCK_ONLY
    talk.hear(*SPEECH)
    assert talk.actions[-1] == Detector.RESUME
    talk.segment, talk.policy = 3, OFF
    talk.hear(*SPEECH)
    assert talk.states[-1] == QUIET
    assert talk.actions[-1] == Detector.UNDUCK


looks = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.97]),
        st.sampled_from([float("nan"), 0.0, 0.6, 0.98]),  # near
        st.sampled_from([0.0, 0.2, 0.5, 0.9]),  # echo
        st.integers(0, 4),  # policy
        st.booleans(),  # speaking
        st.booleans(),  # a sentence ends
        st.sampled_from([LOUD, SOFT]),
    ),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(looks)
def test_wishes_are_balanced_whatever_comes(
    steps: list[tuple[float, float, float, int, bool, bool, tuple[float, ...]]],
) -> None:
    """Each duck is undone once, each pause resumed once, nothing is flushed that its policy protects."""
    talk = Talk()
    down = {"duck": False, "pause": False}
    for p, near, echo, policy, speaking, ends, power in steps:
        talk.policy, talk.sentences = policy, talk.sentences + ends
        before = len(talk.actions)
        if speaking:
            talk.peek(p, 128, echo=echo)
        talk.hear(p, speaking=speaking, power=power, near=near, echo=echo)
        for done in talk.actions[before:]:
            for name, on, off in (
                ("duck", Detector.DUCK, Detector.UNDUCK),
                ("pause", Detector.PAUSE, Detector.RESUME | Detector.RESUME_REWIND),
            ):
                assert not (done & on and down[name])
                assert not (done & off and not down[name])
                down[name] = bool(done & on) or (down[name] and not done & off)
            if done & Detector.FLUSH:
                assert policy in (IMMEDIATE, AFTER_SENTENCE)
                assert speaking
        if talk.detector.barge == "quiet":
            assert not any(down.values())
    assert all(b != BACKCHANNEL or a == QUIET for b, a in itertools.pairwise([*talk.states, QUIET]) if a in (FALSE,))


# ---- on the playout


def test_policies_travel_with_the_segment() -> None:
    playout = Playout(16000)
    assert playout.open_segment().policy == "immediate"
    assert playout.open_segment(policy="after_sentence").policy == "after_sentence"
    with pytest.raises(ValueError, match="must be one of"):
        playout.open_segment(policy="never")


class Line:
    """An engine stepped by hand with the real VAD; the caller's voice is given as samples at 16 kHz."""

    def __init__(self, vad: SileroVad, detector: DetectorConfig | None = None, **line: object) -> None:
        self.port = AudioPort(16000)
        self.engine = Engine(vad=vad)
        self.line = self.engine.add(self.port, input_rate=16000, detector=detector, **line)  # type: ignore[arg-type]
        self.engine.step(0)
        self.ticks = 0

    def run(self, caller: np.ndarray) -> list[Event]:
        for at in range(0, len(caller) // 160 * 160, 160):
            self.line.push(caller[at : at + 160])
            self.ticks += 1
            self.engine.step(self.ticks * 10_000_000)
        return self.port.events()


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


def test_after_sentence_cuts_at_the_sentence_end(vad: SileroVad, caller: np.ndarray) -> None:
    line = Line(vad)
    segment = line.port.playout.open_segment(policy="after_sentence")
    segment.write(np.full(6 * 16000, 0.01, np.float32))
    segment.add_sentence_end(16000)  # before anybody speaks
    segment.add_sentence_end(4 * 16000)
    events = line.run(np.concatenate([np.zeros(2 * 16000, np.float32), caller, np.zeros(3 * 16000, np.float32)]))
    assert [e.a for e in events if e.kind == "barge_in"][-2:] == [STOPPING, CONFIRMED]
    played = segment.ledger().played
    assert 4 * 16000 <= played <= 4 * 16000 + W + 160 + 80  # a window, a tick, the fade
    with pytest.raises(SegmentCut):
        segment.write(np.zeros(10, np.float32))


def test_the_end_of_a_segment_is_a_sentence_end(vad: SileroVad, caller: np.ndarray) -> None:
    line = Line(vad)
    first, second = (line.port.playout.open_segment(policy="after_sentence") for _ in range(2))
    first.write(np.full(4 * 16000, 0.01, np.float32))
    first.end()
    second.write(np.full(4 * 16000, 0.01, np.float32))
    line.run(np.concatenate([np.zeros(2 * 16000, np.float32), caller, np.zeros(3 * 16000, np.float32)]))
    assert first.ledger().played == 4 * 16000
    assert second.is_cut
    assert second.ledger().played <= W + 160 + 80


def test_off_plays_to_the_end(vad: SileroVad, caller: np.ndarray) -> None:
    line = Line(vad)
    segment = line.port.playout.open_segment(policy="off")
    segment.write(np.full(3 * 16000, 0.01, np.float32))
    segment.end()
    events = line.run(np.concatenate([np.zeros(16000, np.float32), caller, np.zeros(3 * 16000, np.float32)]))
    assert segment.ledger().played == 3 * 16000
    assert "speech_started" in [e.kind for e in events]
    assert "barge_in" not in [e.kind for e in events]


def test_who_only_observes_touches_nothing(vad: SileroVad, caller: np.ndarray) -> None:
    line = Line(vad, observe=True)
    segment = line.port.playout.open_segment()
    segment.write(np.full(4 * 16000, 0.01, np.float32))
    events = line.run(np.concatenate([np.zeros(16000, np.float32), caller]))
    assert CONFIRMED in [e.a for e in events if e.kind == "barge_in"]
    assert not segment.is_cut
    assert not [e for e in events if e.kind in ("paused", "ducked")]


def test_law6_early_onsets_do_not_depend_on_how_input_is_pushed(vad: SileroVad, caller: np.ndarray) -> None:
    sound = np.concatenate([np.zeros(16200, np.float32), caller])
    told = []
    for chunk in (160, 1600, len(sound)):
        line = Line(vad, observe=True, input_s=10.0)
        line.port.playout.open_segment().write(np.full(5 * 16000, 0.01, np.float32))
        events: list[Event] = []
        for at in range(0, len(sound), chunk):
            line.line.push(sound[at : at + chunk])
            ticks = (at + chunk) // 160
            line.engine.step(ticks * 10_000_000)
            events += line.port.events()
        told.append([(e.mic, e.decided, e.a) for e in events if e.kind == "barge_in"])
    assert told[0] == told[1] == told[2]
    assert told[0][0][1] % W != 0, "found between two windows"


def test_law5_a_call_with_peeks_policies_and_echo_replays(vad: SileroVad, caller: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "barge.rtj"
    port = AudioPort(16000)
    voice = np.tile(caller[::-1] * 0.5, 6)[: 8 * 16000]
    with Journal(path, port), Engine(vad=vad) as engine:
        line = engine.add(port, input_rate=16000)
        engine.step(0)
        for number, policy in enumerate(("immediate", "after_sentence", "pause")):
            segment = port.playout.open_segment(policy=policy)
            segment.write(voice[: 3 * 16000])
            segment.add_sentence_end(2 * 16000)
            segment.end()
            heard = np.concatenate([np.zeros(12000, np.float32), caller, np.zeros(12000, np.float32)])
            for at in range(0, len(heard) // 160 * 160, 160):
                tick = number * (len(heard) // 160) + at // 160 + 1
                put_out = port.tap(0)
                echo = 0.3 * put_out.copy(put_out.available - 800, 160) if put_out.available > 900 else 0.0
                line.push((heard[at : at + 160] + echo).astype(np.float32))
                engine.step(tick * 10_000_000)
    journal = read_journal(path)
    assert any(record.kind == PEEK for record in journal.engine)
    assert check_replay(journal, vad).found == []


@pytest.fixture(scope="module")
def caller(shared_data: Path) -> np.ndarray:
    """Somebody says a sentence; 16 kHz, from its first sample."""
    from rtaudio.bench.scene_sounds import trim
    from rtaudio.bench.vad import read_16k

    return trim(read_16k(shared_data / "speech" / "ljspeech" / "LJ001-0002.wav")) * np.float32(2.0)
