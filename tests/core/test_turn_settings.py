"""Settings of turns and of barge-in changed while a detector runs, in any order with all else it is told. Law 10."""

from __future__ import annotations

import random

import pytest

from rtaudio import BargeConfig, Detector, DetectorConfig, Event, TurnConfig

W = 512
PROFILES = ("patient", "default", "quick")


class Call:
    """One call at random: what the detector wished, and what became of turns."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)
        self.detector, self.end, self.segment = Detector(DetectorConfig()), 0, 1
        self.enabled, self.ducked, self.paused = True, False, False
        self.open, self.turns = False, 0

    def take(self, events: list[Event]) -> None:
        for event in events:
            if event.kind == "speech_started":
                self.open = True
            elif event.kind == "turn_resumed":
                assert self.open
            elif event.kind == "turn_ended":
                assert self.open, "a turn ended twice"
                self.open, self.turns = False, self.turns + 1

    def wish(self, actions: int) -> None:
        detector = self.detector
        if actions & detector.DUCK:
            assert not self.ducked
            self.ducked = True
        if actions & detector.PAUSE:
            assert not self.paused
            self.paused = True
        if actions & detector.UNDUCK:
            assert self.ducked
            self.ducked = False
        if actions & (detector.RESUME | detector.RESUME_REWIND):
            assert self.paused
            self.paused = False

    def window(self, probability: float, speaking: bool) -> None:
        self.end += W
        actions, events = self.detector.step(probability, self.end, speaking, self.segment, mic=(1e-3, 0, 0))
        self.wish(actions)
        self.take(events)
        if not self.enabled:
            assert (self.ducked, self.paused) == (False, False), "what is switched off holds nothing down"
            assert self.detector.barge in ("quiet", "confirmed")

    def change(self) -> None:
        pick = self.pick
        turn = TurnConfig(
            profile=pick.choice(PROFILES),
            thinking=pick.choice(PROFILES),
            ask_after_s=tuple(sorted({round(pick.random(), 3) for _ in range(pick.randint(0, 4))})),
            grace_s=pick.choice((0.0, 0.3, 1.5)),
            late_after_s=pick.choice((0.0, 0.1, 1.0)),
            silence_s=pick.choice((None, 0.2, 1.0)),
        )
        barge = BargeConfig(
            enabled=pick.random() < 0.5,
            min_words=pick.choice((0, 0, 2)),
            duck_db=pick.choice((0.0, -12.0)),
            early_onset=pick.random() < 0.5,
        )
        which = pick.randint(0, 2)
        if which != 0:
            self.enabled = barge.enabled
        at = self.end + pick.randint(0, 400)
        self.take(self.detector.settings(turn if which != 1 else None, barge if which != 0 else None, at))

    def run(self) -> None:
        pick, probability, speaking = self.pick, 0.1, False
        for _ in range(pick.randint(20, 300)):
            if pick.random() < 0.15:
                probability = pick.choice((0.05, 0.1, 0.4, 0.9, 0.9))
            if pick.random() < 0.05:
                speaking, self.segment = not speaking, self.segment + 1
            if pick.random() < 0.1:
                self.change()
            if pick.random() < 0.2:
                question = max(0, self.detector.figures()["turn_asked"] - pick.randint(0, 2))
                self.take(self.detector.evidence(question, [pick.random(), pick.random()], self.end))
            if pick.random() < 0.1:
                self.take(self.detector.hint("words", pick.randint(0, 5), self.detector.turn_began))
            self.window(probability, speaking)
        for _ in range(200):
            self.window(0.01, False)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_law10_whatever_is_changed_and_when_each_turn_ends_once_and_nothing_stays_held_down(first: int) -> None:
    turns = 0
    for seed in range(first, first + 50):
        call = Call(seed)
        call.run()
        assert not call.open, f"seed {seed}: a turn that never ended"
        assert (call.ducked, call.paused) == (False, False), f"seed {seed}: the agent would stay quiet"
        assert call.detector.turn == "idle"
        turns += call.turns
    assert turns > 100, "too tame"


def test_settings_say_what_they_do_not_change() -> None:
    """Given alone, those of turns leave barge-in as it is, and the other way round."""
    told = []
    for change in (
        None,
        {"turn": TurnConfig()},
        {"barge": BargeConfig()},
        {"turn": TurnConfig(), "barge": BargeConfig()},
    ):
        detector, end, events = Detector(DetectorConfig()), 0, []
        for number, probability in enumerate([0.9] * 20 + [0.1] * 60):
            end += W
            if change is not None and number % 7 == 3:
                assert detector.settings(**change) == []
            events += detector.step(probability, end, number < 30, 1)[1]
        told.append(events)
    assert told[0] == told[1] == told[2] == told[3], "the same settings again change nothing"
