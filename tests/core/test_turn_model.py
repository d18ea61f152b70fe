"""The turn model beside real lines (law 4), its answers, and what happens when there are none (laws 5, 8, 11)."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pytest

from rtaudio import (
    AudioPort,
    Engine,
    ModelMissing,
    PortClosed,
    TurnDetector,
    TurnModel,
    TurnModelClosed,
    TurnQuestion,
    TurnReasons,
)
from rtaudio.core import model_store
from rtaudio.core.turn_detector import TurnEnded
from rtaudio.core.turn_model import TurnQuestionDropped
from tests.core.rig import LevelVad, Rig, windows

RATE = 16000
CALLER = windows((40, 0.9), (80, 0.01))
"""The rig's VAD takes the level for the probability of speech."""


@pytest.fixture(scope="module")
def model():
    try:
        with TurnModel() as made:
            yield made
    except ModelMissing as missing:
        pytest.skip(str(missing))


def question_voice(semitones: float, seconds: float = 1.2) -> np.ndarray:
    """A buzz in syllables whose last quarter glides, between half a second and a tenth of noise."""
    n = int(seconds * RATE)
    glide = np.clip((np.arange(n) / n - 0.75) * 4, 0, 1) * semitones
    phase = np.cumsum(2 * np.pi * 120 * 2 ** (glide / 12) / RATE)
    buzz = sum(np.sin(k * phase) / k for k in range(1, 25)) * (0.2 + 0.8 * np.abs(np.sin(np.arange(n) / RATE * 12)))
    sound = 1e-3 * np.random.default_rng(3).standard_normal(n + int(0.6 * RATE))
    sound[RATE // 2 : RATE // 2 + n] += 0.15 * buzz
    return sound.astype(np.float32)


def test_evidence_by_hand_is_all_of_it(model):
    sound = question_voice(7.0)
    told = model.evidence(sound, speech_start=RATE // 2)
    assert 0 <= told.p_trimmed <= 1
    assert math.isnan(told.p_asked)
    assert told.f0_end_st == pytest.approx(6, abs=2)
    assert told.silence_s == pytest.approx(0.1, abs=0.03)
    assert model.evidence(question_voice(-7.0), speech_start=RATE // 2).f0_end_st < -3
    coarse = model.evidence((sound * 32768).astype(np.int16), speech_start=RATE // 2)
    assert coarse.f0_end_st == pytest.approx(told.f0_end_st, abs=0.2)


def test_law5_evidence_is_the_same_bits_every_time_and_in_any_company(model):
    sound, other = question_voice(5.0), question_voice(-2.0, 2.0)
    alone = model.evidence(sound, speech_start=RATE // 2)
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda s=s: answers.append((len(s), model.evidence(s, speech_start=RATE // 2))))
        for s in (sound, other, sound, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [told for size, told in answers if size == len(sound)] == [alone, alone]


def test_silence_behind_the_end_changes_nothing_that_the_model_says(model):
    """What it says of the whole grows with the silence it is given: it is asked about the speech alone."""
    sound = question_voice(0.0)
    more = np.concatenate((sound, 1e-3 * np.random.default_rng(4).standard_normal(4000).astype(np.float32)))
    now, later = (model.evidence(each, speech_start=RATE // 2) for each in (sound, more))
    assert now.p_trimmed == later.p_trimmed
    assert later.silence_s > now.silence_s


def heard(rig: Rig, model: TurnModel, seconds: float):
    events = []
    for _ in range(round(seconds / 0.01)):
        rig.run(0.01)
        model.pump()
        events += rig.events()
    return events


def test_a_line_is_answered_and_its_turn_ends_by_it(model):
    rig = Rig()
    before = model.figures()
    rig.hear(CALLER)
    model.add(rig.line)
    events = heard(rig, model, 3.6)
    model.remove(rig.line)
    (end,) = (event for event in events if event.kind == "turn_ended")
    reasons = TurnReasons.of(end)
    assert reasons.answered == reasons.asked > 0
    assert "model" in reasons.why
    after = model.figures()
    assert (
        after["answered"] - before["answered"] == after["asked"] - before["asked"] == rig.line.figures()["turn_asked"]
    )
    assert after["model_runs"] - before["model_runs"] <= after["asked"] - before["asked"]


def test_law5_a_line_s_answers_do_not_depend_on_other_lines(model):
    def answers(count: int) -> list[list[tuple]]:
        rigs = [Rig() for _ in range(count)]
        for n, rig in enumerate(rigs):
            rig.hear(windows((40 if n == 0 else 20 + n, 0.9), (60, 0.01)))
            model.add(rig.line)
        told: list[list[tuple]] = [[] for _ in rigs]
        for _ in range(250):
            for rig in rigs:
                rig.run(0.01)
            model.pump()
            for rig, own in zip(rigs, told, strict=True):
                own += [(e.kind, e.mic, e.value) for e in rig.events() if e.kind == "turn_answered"]
        for rig in rigs:
            model.remove(rig.line)
        return told

    assert answers(1)[0] == answers(3)[0] != []


def test_law8_a_question_that_waited_too_long_is_dropped_counted_and_told_once():
    told: list[Exception] = []
    with TurnModel(on_failure=lambda _, error: told.append(error)) as model:
        rig = Rig()
        rig.hear(CALLER)
        model.add(rig.line)
        rig.run(3.6)
        model.pump()
        figures = model.figures()
        assert figures["late"] == figures["asked"] > 1
        assert figures["answered"] == 0
        assert [type(error) for error in told] == [TurnQuestionDropped]
        assert "does not keep up" in str(told[0])
        (end,) = (event for event in rig.events() if event.kind == "turn_ended")
        assert "silence" in TurnReasons.of(end).why, "the core decided by silence"


def test_the_thread_answers_and_ends():
    rig = Rig()
    rig.hear(CALLER)
    with TurnModel(on_failure=lambda *_: None) as model:  # time here runs faster than the model: most come late
        model.add(rig.line)
        model.start()
        assert model.running
        with pytest.raises(RuntimeError, match="already runs"):
            model.start()
        rig.run(1.5)
        wait = threading.Event()
        while model.figures()["asked"] == 0:
            wait.wait(0.01)
        model.stop()
        assert not model.running
    assert model.figures()["asked"] > 0


def test_the_thread_outlives_what_goes_wrong_on_it(monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: told.append(str(arguments.exc_value)))
    with TurnModel() as model:
        collect, failed = model._collect, threading.Event()

        def once():
            if not failed.is_set():
                failed.set()
                raise RuntimeError("out of the blue")
            return collect()

        monkeypatch.setattr(model, "_collect", once)
        model.start()
        assert failed.wait(20)
        assert model.running
    assert told == ["out of the blue"]


def test_what_goes_away_while_it_waits_is_let_go_of(model):
    rig = Rig()
    rig.hear(CALLER)
    model.add(rig.line)
    with pytest.raises(ValueError, match="already"):
        model.add(rig.line)
    rig.engine.remove(rig.line)
    model.pump()
    assert model.figures()["lines"] == 0
    with pytest.raises(PortClosed, match="removed"):
        model.add(rig.line)


def test_a_closed_model_takes_no_line():
    model, rig = TurnModel(), Rig()
    model.close()
    model.close()
    with pytest.raises(TurnModelClosed):
        model.add(rig.line)
    with pytest.raises(TurnModelClosed):
        model.start()


def test_a_model_that_fails_leaves_the_voice_s_own_marks(monkeypatch):
    told: list[Exception] = []
    with TurnModel(on_failure=lambda _, error: told.append(error)) as model:

        class Broken:
            def run(self, *_: object) -> object:
                raise RuntimeError("out of luck")

        monkeypatch.setattr(model._network, "_session", Broken())
        rig = Rig()
        rig.hear(CALLER)
        model.add(rig.line)
        events = heard(rig, model, 3.6)
        figures = model.figures()
    assert figures["failed"] == figures["answered"] == figures["asked"] > 0
    assert [str(error) for error in told] == ["out of luck"]
    assert [event.kind for event in events].count("turn_ended") == 1


def test_a_stream_s_answers_run_the_model_once_for_an_end(model, monkeypatch):
    """As for a line: in one silence again only if the energy end moved; the answers are those of `answer`."""
    runs = []
    probability = model._network.probability
    monkeypatch.setattr(
        model._network, "probability", lambda samples: runs.append(len(samples)) or probability(samples)
    )
    audio, answers = question_voice(-4.0), model.answers()
    end = len(audio) - RATE // 10
    noise = (1e-3 * np.random.default_rng(3).standard_normal(RATE // 2)).astype(np.float32)
    audio = np.concatenate([audio, noise]).astype(np.float32)

    def question(number: int, silence: int, fell: int) -> TurnQuestion:
        asked = end + silence
        return TurnQuestion(number, number, RATE // 2, fell, asked, audio[:asked])

    first, second = question(1, 3072, end), question(2, 4608, end)
    told = [answers(first), answers(second)]
    assert len(runs) == 1
    assert [t.p_trimmed for t in told] == [model.answer(q).p_trimmed for q in (first, second)]
    assert repr(told[1]) == repr(model.answer(second))
    runs.clear()
    answers(question(3, 4608, end + 512))  # another silence
    assert len(runs) == 1


def test_a_turn_detector_is_answered_by_it(model, shared_data: Path):
    import soundfile

    from rtaudio import resample

    sound, rate = soundfile.read(next((shared_data / "turns").glob("*_short_*.wav")), dtype="float32")
    sound = resample(sound, rate, RATE) if rate != RATE else sound
    quiet = (1e-3 * np.random.default_rng(5).standard_normal(RATE)).astype(np.float32)
    stream = np.concatenate((quiet, sound, quiet, quiet, quiet)).astype(np.float32)
    detector = TurnDetector(answers=model.answer)
    ended = [event for event in detector.process(stream) if isinstance(event, TurnEnded)]
    assert len(ended) == 1
    assert "model" in ended[0].reasons.why


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_law11_sound_that_is_none_is_refused_by_hand(model, bad):
    sound = question_voice(0.0)
    sound[77] = bad
    with pytest.raises(ValueError, match="sample 77"):
        model.evidence(sound)
    with pytest.raises(TypeError, match="float32 or int16"):
        model.evidence(sound.astype(np.float64))
    with pytest.raises(ValueError, match="speech_start"):
        model.evidence(question_voice(0.0), speech_start=10**7)


def test_law11_files_that_are_no_turn_model_are_told(tmp_path: Path):
    with pytest.raises(ModelMissing, match="rtaudio models install"):
        TurnModel(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ValueError, match="onnxruntime does not take"):
        TurnModel(tmp_path / "text.onnx")
    whole = model_store.find("smart-turn-v3.2").read_bytes()
    (tmp_path / "short.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="onnxruntime does not take"):
        TurnModel(tmp_path / "short.onnx")
    vad = model_store.find("silero-vad-v6.2")
    with pytest.raises(ValueError, match="Smart Turn's interface"):
        TurnModel(vad)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="late_after_s"):
        TurnModel(late_after_s=0)
    with pytest.raises(ValueError, match="interval_s"):
        TurnModel(interval_s=5)
    with pytest.raises(ValueError, match="instruction set"):
        TurnModel(instruction_set="mmx")


def test_a_line_is_let_go_of_while_the_model_runs(model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Event loops add, remove and look: none of them waits for a run of the own. What ran for nothing is not posted."""
    loud = np.concatenate([np.full(8000, 0.9, np.float32), np.zeros(8000, np.float32)])
    with TurnModel(late_after_s=60) as own, Engine(vad=LevelVad()) as engine:
        line = engine.add(AudioPort(24000))
        own.add(line)
        engine.step(0)
        for tick in range(1, 71):
            line.push(loud[(tick - 1) * 160 : tick * 160])
            engine.step(tick * 10_000_000)
        runs, go_on = threading.Event(), threading.Event()
        probability = own._network.probability

        def slow(samples: np.ndarray) -> float:
            runs.set()
            assert go_on.wait(20)
            return probability(samples)

        monkeypatch.setattr(own._network, "probability", slow)
        thread = threading.Thread(target=own.pump)
        thread.start()
        try:
            assert runs.wait(20)
            assert own.figures()["lines"] == 1
            own.remove(line)
            assert own.figures()["lines"] == 0
        finally:
            go_on.set()
            thread.join()
        told = own.figures()
        assert told["answered"] == 0
        assert told["gone"] == told["asked"] > 0
