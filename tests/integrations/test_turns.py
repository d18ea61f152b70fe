"""The end of turns for plug-ins: what `rtaudio.TurnDetector` decides, at any rate, with answers from a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from rtaudio import DetectorConfig, TurnConfig, TurnDetector, TurnEnded, TurnEvidence, TurnQuestion, resample
from rtaudio.integrations.hearing import Pcm
from rtaudio.integrations.turns import Turns, _model_thread


@pytest.fixture(scope="module")
def sentence(shared_data: Path) -> Pcm:
    """Somebody says something, at 24 kHz, after a second of silence and before three."""
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(sorted((shared_data / "turns").glob("*_short_female*.wav"))[0], dtype="int16")
    assert rate == 24000
    return np.concatenate([np.zeros(rate, np.int16), samples, np.zeros(3 * rate, np.int16)])


class Sure:
    """Answers at once that every turn is complete; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[TurnQuestion] = []

    def answers(self) -> Callable[[TurnQuestion], Sequence[float]]:
        return self._answer

    def _answer(self, question: TurnQuestion) -> Sequence[float]:
        self.asked.append(question)
        return TurnEvidence(p_trimmed=0.999, p_asked=0.999)


class Stuck:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Event(), threading.Event()

    def answers(self) -> Callable[[TurnQuestion], Sequence[float]]:
        return self._answer

    def _answer(self, question: TurnQuestion) -> Sequence[float]:
        self.entered.set()
        assert self.go.wait(60)
        return TurnEvidence(p_trimmed=0.999)


class Broken:
    def answers(self) -> Callable[[TurnQuestion], Sequence[float]]:
        return self._answer

    def _answer(self, question: TurnQuestion) -> Sequence[float]:
        raise RuntimeError("no more")


def ends(turns: Turns, samples: Pcm, size: int, settle: bool = False) -> list[TurnEnded]:
    """`settle`: the model has answered before the next chunk comes, as it has in real time."""
    told: list[TurnEnded] = []
    for at in range(0, len(samples), size):
        told += [event for event in turns.hear(samples[at : at + size]) if isinstance(event, TurnEnded)]
        while settle and turns.open_questions and not all(answer.done() for _, answer in turns._asked):
            time.sleep(0.0005)
    return told


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_silence_decides_the_same_for_every_chunking(sentence: Pcm, rate: int) -> None:
    """Law 6."""
    samples = sentence if rate == 24000 else resample(sentence, 24000, rate)
    one, other, whole = (ends(Turns(rate), samples, size) for size in (rate // 50, 777, len(samples)))
    assert one == other == whole
    assert len(one) == 1
    assert one[0].reasons.answered == 0


def test_it_is_the_turn_detector(sentence: Pcm) -> None:
    samples = resample(sentence, 24000, 16000)
    config = TurnConfig(profile="patient")
    detector = TurnDetector(config=DetectorConfig(turn=config, barge_in=False))
    expected = [event for event in detector.process(samples) if isinstance(event, TurnEnded)]
    assert ends(Turns(16000, config), samples, 320) == expected
    assert expected


def test_answers_from_the_thread_end_the_turn_sooner(sentence: Pcm) -> None:
    model = Sure()
    with_model = ends(Turns(24000, model=model), sentence, 480, settle=True)
    (silent,) = ends(Turns(24000), sentence, 480)
    assert len(with_model) == 1
    assert with_model[0].reasons.answered > 0
    assert with_model[0].decided_at < silent.decided_at
    assert with_model[0].at == silent.at
    assert [question.number for question in model.asked] == list(range(1, 1 + len(model.asked)))


def test_a_model_that_fails_is_counted_and_said_once(sentence: Pcm, caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns(24000, model=Broken())
    with caplog.at_level(logging.WARNING):
        told = ends(turns, sentence, 480, settle=True)
    (silent,) = ends(Turns(24000), sentence, 480)
    assert [event.decided_at for event in told] == [silent.decided_at]
    assert turns.failed > 1
    assert sum("the turn model failed" in record.message for record in caplog.records) == 1


def test_a_model_that_is_stuck_holds_nothing_up(sentence: Pcm, caplog: pytest.LogCaptureFixture) -> None:
    """Law 8: what waits for the thread too long is never begun; silence decides."""
    stuck = Stuck()
    turns = Turns(24000, TurnConfig(late_after_s=0.5), model=stuck)
    told: list[TurnEnded] = []
    with caplog.at_level(logging.WARNING):
        for at in range(0, len(sentence), 480):
            told += [event for event in turns.hear(sentence[at : at + 480]) if isinstance(event, TurnEnded)]
            assert turns.open_questions <= 3, "the one that is begun, the latest, and one that is given up"
            if turns.open_questions == 1:
                assert stuck.entered.wait(60)  # the first is begun; all others wait behind it
    (silent,) = ends(Turns(24000), sentence, 480)
    assert [event.decided_at for event in told] == [silent.decided_at]
    turns.hear(sentence[:0])
    assert turns.open_questions == 2
    assert turns.late >= 1
    late = turns.late
    time.sleep(0.6)
    stuck.go.set()
    with caplog.at_level(logging.WARNING):
        while not all(answer.done() for _, answer in turns._asked):
            time.sleep(0.001)
        turns.hear(sentence[:0])
    assert turns.open_questions == 0
    assert turns.late == late + 1
    assert sum("waited too long" in record.message for record in caplog.records) == 1


def test_law8_a_model_that_never_answers_holds_no_more_than_so_many_questions(
    sentence: Pcm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtaudio.integrations.turns.WAITING_MOST", 8)
    stuck = Stuck()
    turns = Turns(24000, TurnConfig(late_after_s=0.5), model=stuck)
    thread = _model_thread()
    for _ in range(8):
        ends(turns, sentence, 4800)
        turns.reset()  # as Pipecat does after each turn
        assert thread._waiting <= 8
    assert thread._waiting == 8, "too tame"
    ends(turns, sentence, 4800)
    assert turns.late > 0, "what found no place is late"
    stuck.go.set()
    while thread._waiting:
        time.sleep(0.001)
    assert ends(Turns(24000, model=Sure()), sentence, 480, settle=True)[0].reasons.answered > 0, "it goes on"


def test_open_questions_are_forgotten_with_the_stream(sentence: Pcm) -> None:
    stuck = Stuck()
    turns = Turns(24000, model=stuck)
    speech_and_a_bit = sentence[: len(sentence) - 2 * 24000 - 12000]
    turns.hear(speech_and_a_bit)
    assert turns.open_questions
    turns.reset()
    stuck.go.set()
    assert turns.open_questions == 0
    assert turns.turn == "idle"
    assert [event.at for event in ends(turns, sentence, 480)] == [
        event.at for event in ends(Turns(24000), sentence, 480)
    ]


def test_a_rate_without_a_filter_is_named() -> None:
    with pytest.raises(ValueError, match="not at 44000 Hz"):
        Turns(44000)
