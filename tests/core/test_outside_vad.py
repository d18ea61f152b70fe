"""A line whose VAD runs elsewhere: its decisions are the kernel's, only later; the engine waits for nothing, counts
what it missed, and a replay takes the answers from the record. Laws 4, 5, 6, 8, 11."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import (
    AudioPort,
    DetectorConfig,
    Engine,
    Event,
    Journal,
    Line,
    OnnxVad,
    OutsideVad,
    PortClosed,
    SileroVad,
    VadClosed,
    check_replay,
    read_journal,
)
from rtaudio.core.replay import Window, replay_hearing
from tests.core.onnx_models import breakable_model, mean_model
from tests.core.rig import RATE, TICK_NS, Audio, LevelVad, Rig, W, level, windows

WAITING = 1024  # RTA_LINE_ANSWERS
PER_TICK = 64  # RTA_LINE_HEARD_PER_TICK
# Levels that a mean over 512 keeps exactly, so that the model and the test's kernel give the same bits.
VOICE = level((0.7, 0), (0.03, 0.875), (0.8, 0.125), (0.2, 0.75), (1.0, 0), (0.5, 0.875), (1.5, 0), (0.4, 0.375))


@pytest.fixture(scope="module")
def mean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnnxVad]:
    with OnnxVad(mean_model(tmp_path_factory.mktemp("model") / "mean.onnx")) as vad:
        yield vad


def run(rig: Rig, outside: OutsideVad | None, ticks: int, every: Callable[[int], bool] = lambda tick: True) -> None:
    """Time passes; the pump runs after those ticks that `every` names."""
    for tick in range(ticks):
        rig.run(0.01)
        if outside is not None and every(tick):
            outside.pump(wait=True)


def without_decided(events: list[Event]) -> list[Event]:
    return [event._replace(decided=0) for event in events]


# ---- the decisions are the kernel's


def test_silero_s_own_file_outside_decides_as_the_kernel_inside(shared_data: Path) -> None:
    raw = (shared_data / "speech" / "pocketsphinx" / "goforward.raw").read_bytes()
    speech = np.frombuffer(raw, "<i2").astype(np.float32) / 32768
    voice = np.concatenate([np.zeros(8000, np.float32), speech, np.zeros(20000, np.float32)])
    native = SileroVad()
    hearing = ("speech_started", "speech_ended", "turn_ended", "barge_in")
    heard = []
    with OnnxVad(native.path) as model, OutsideVad(model) as outside:
        for rig in (Rig(vad=native), Rig(hears=False, outside_vad=True)):
            if rig.line.outside_vad:
                outside.add(rig.line)
            rig.speak(20.0)
            rig.hear(voice)
            run(rig, outside, len(voice) // 160)
            heard.append((rig.events(*hearing), rig.port.probabilities(0).read()))
    (inside, p_inside), (later, p_later) = heard
    assert {e.kind for e in inside} == set(hearing), "too tame a voice"
    assert [(e.kind, e.mic, e.segment, e.a, e.b) for e in later] == [
        (e.kind, e.mic, e.segment, e.a, e.b) for e in inside
    ]
    # An answer is taken in the tick after it came: all are later, by less than two ticks. Of barge-in that cannot be
    # said: the engine's own VAD looks for an onset within the window, and hears again what is left without the echo.
    for a, b in zip(inside, later, strict=True):
        assert a.kind == "barge_in" or 0 < b.decided - a.decided <= 2 * 160
    assert len(p_inside) - len(p_later) in (0, 1)
    np.testing.assert_allclose(p_later, p_inside[: len(p_later)], atol=1e-4)


@settings(max_examples=20)
@given(pauses=st.lists(st.integers(1, 90), min_size=1, max_size=10))
def test_law6_when_the_model_answers_changes_no_decision_but_its_time(mean: OnnxVad, pauses: list[int]) -> None:
    native, late = Rig(), Rig(hears=False, outside_vad=True)
    due = set(np.cumsum(np.resize(pauses, 700)).tolist())
    with OutsideVad(mean) as outside:
        outside.add(late.line)
        for rig in (native, late):
            rig.hear(VOICE)
        run(native, None, 520)
        run(late, outside, 600, lambda tick: tick in due or tick > 595)
    np.testing.assert_array_equal(late.mic.read()[: 520 * 160], native.mic.read())
    expected = native.port.probabilities(0).read()
    np.testing.assert_array_equal(late.port.probabilities(0).read()[: len(expected)], expected)
    inside, later = native.events(), late.events()
    kinds = ("speech_started", "speech_ended", "turn_ended")
    unanswered = 1 << 16  # among the reasons; whether questions were asked in vain is a matter of time
    inside, later = ([e._replace(c=e.c & ~unanswered) for e in events if e.kind in kinds] for events in (inside, later))
    assert without_decided(later)[: len(inside)] == without_decided(inside)
    assert len(inside) >= 5
    assert [e.decided for e in later] == sorted(e.decided for e in later)
    assert all(a.decided <= b.decided for a, b in zip(inside, later, strict=False))


def test_law5_lines_in_one_batch_are_as_if_alone(mean: OnnxVad) -> None:
    inputs = [level((0.05 * i, 0), (0.3 + 0.032 * i, 0.875), (1.0, 0.0625 * i)) for i in range(5)]
    alone = []
    for samples in inputs:
        rig = Rig()
        rig.hear(samples)
        rig.run(1.6)
        alone.append(rig.port.probabilities(0).read())
    engine, ports = Engine(vad=LevelVad()), [AudioPort(RATE) for _ in inputs]
    # In one engine with lines that its kernel hears.
    lines = [engine.add(port, outside_vad=i % 2 == 0) for i, port in enumerate(ports)]
    for line, samples in zip(lines, inputs, strict=True):
        line.push(samples)
    with OutsideVad(mean) as outside:
        for line in lines[::2]:
            outside.add(line)
        for tick in range(162):
            engine.step(tick * TICK_NS)
            outside.pump(wait=True)
        assert outside.figures() == {"lines": 3, "windows": 3 * 50, "failures": 0, "lost_samples": 0}
    for port, expected in zip(ports, alone, strict=True):
        np.testing.assert_array_equal(port.probabilities(0).read(), expected)
    assert engine.figures()["windows"] == 2 * 50
    assert lines[0].figures()["windows"] == 50


def test_barge_in_acts_on_the_playout_without_the_session(mean: OnnxVad) -> None:
    rig = Rig(hears=False, outside_vad=True)
    segment = rig.speak(5.0)
    with OutsideVad(mean) as outside:
        outside.add(rig.line)
        rig.hear(level((0.5, 0), (2.0, 0.875)))
        run(rig, outside, 150)
    assert segment.ledger().state == "cut"
    assert [e.a for e in rig.events("barge_in")] == [1, 2, 3]


# ---- what the engine does meanwhile


def test_a_model_that_stalls_is_never_mistaken_for_silence() -> None:
    rig = Rig(hears=False, outside_vad=True)
    rig.hear(level((3.0, 0.875)))
    rig.run(0.5)
    for k in range(3):
        assert rig.line.post_probability((k + 1) * W, 0.9)
    rig.run(2.0)
    assert [e.kind for e in rig.events("speech_started", "speech_ended", "turn_ended")] == ["speech_started"]
    assert rig.line.figures()["windows"] == 3
    assert rig.port.mic_written == 40000  # the input goes on


def test_a_skipped_window_counts_as_the_one_before_it() -> None:
    """And has its place in the history: element k stays the window that ends at 512 * (k + 1)."""
    rig = Rig(hears=False, outside_vad=True)
    rig.hear(level((1.0, 0)))
    rig.run(1.0)
    for end, probability in ((2, 0.5), (3, 0.75), (6, 0.25)):
        assert rig.line.post_probability(end * W, probability)
    assert rig.line.answered == 6 * W
    rig.run(0.01)
    assert rig.port.probabilities(0).read().tolist() == [0.0, 0.5, 0.75, 0.75, 0.75, 0.25]
    figures = rig.line.figures()
    assert (figures["windows"], figures["windows_skipped"], figures["answers_dropped"]) == (6, 3, 0)


def test_law8_what_waits_is_bounded_and_so_is_the_work_of_a_tick() -> None:
    rig = Rig(hears=False, outside_vad=True)
    rig.run(45.0)
    count = 45 * 16000 // W
    taken = [rig.line.post_probability((k + 1) * W, 0.25) for k in range(count)]
    assert taken == [True] * WAITING + [False] * (count - WAITING)
    assert rig.line.answered == count * W
    assert rig.line.figures()["answers_dropped"] == count - WAITING
    for tick in range(1, 4):
        rig.run(0.01)
        assert rig.line.figures()["windows"] == tick * PER_TICK
    rig.run(0.3)
    assert rig.line.figures()["windows"] == WAITING
    assert rig.line.post_probability((count + 1) * W, 0.5)
    for _ in range(-(-(count + 1 - WAITING) // PER_TICK)):
        rig.run(0.01)
    figures = rig.line.figures()
    assert (figures["windows"], figures["windows_skipped"]) == (count + 1, count - WAITING)
    np.testing.assert_array_equal(rig.port.probabilities(WAITING).read()[-2:], [0.25, 0.5])


def test_law11_wrong_positions_and_probabilities_are_refused() -> None:
    rig = Rig(outside_vad=True)
    rig.run(0.1)
    for position in (0, 1, W - 1, W + 1, 4 * W, 1 << 40):
        with pytest.raises(ValueError, match="multiple of 512, beyond 0, and at most the 1600 samples"):
            rig.line.post_probability(position, 0.5)
    for probability in (-0.01, 1.01, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"a probability is 0\.\.1"):
            rig.line.post_probability(W, probability)
    with pytest.raises(OverflowError):
        rig.line.post_probability(-W, 0.5)
    assert rig.line.answered == 0
    assert rig.line.post_probability(2 * W, 1.0)
    for position in (W, 2 * W):
        with pytest.raises(ValueError, match="beyond 1024"):
            rig.line.post_probability(position, 0.5)
    rig.engine.remove(rig.line)
    with pytest.raises(PortClosed, match="removed"):
        rig.line.post_probability(3 * W, 0.5)
    inside = Rig()
    assert not inside.line.outside_vad
    with pytest.raises(ValueError, match="own VAD hears this line"):
        inside.line.post_probability(W, 0.5)


def test_a_line_hears_from_the_next_whole_window_of_the_mic_clock(mean: OnnxVad) -> None:
    port, engine = AudioPort(RATE), Engine()
    port.write_mic(np.zeros(W + 100, np.float32))
    line = engine.add(port, outside_vad=True)
    assert line.answered == 2 * W
    engine.step(0)
    line.push(level((1.0, 0.5)))
    with OutsideVad(mean) as outside:
        outside.add(line)
        for tick in range(20):
            engine.step(tick * TICK_NS)
            outside.pump(wait=True)
    # The history begins where the engine came in: with the window that was under way.
    assert port.probabilities(0).read()[:3].tolist() == [0.0, 0.5, 0.5]
    assert port.mic_written // W - line.figures()["windows"] in (2, 3)


# ---- what goes wrong


def test_a_model_that_raises_is_counted_and_told_once_and_the_line_hears_silence(tmp_path: Path) -> None:
    told: list[tuple[Line, str]] = []
    rig, other = Rig(hears=False, outside_vad=True), Rig(hears=False, outside_vad=True)
    with (
        OnnxVad(breakable_model(tmp_path / "m.onnx"), max_batch=1) as model,
        OutsideVad(model, on_failure=lambda line, error: told.append((line, str(error)))) as outside,
    ):
        outside.add(rig.line)
        outside.add(other.line)
        rig.hear(windows((2, 0.75), (3, 4.0), (2, 0.5), (1, 4.0), (1, 1.5), (2, 0.25)))
        other.hear(windows((11, 0.5)))
        for each in (rig, other):
            run(each, outside, 40)
        assert outside.figures()["failures"] == 5
    heard = rig.port.probabilities(0).read().tolist()
    assert heard[:11] == [0.75, 0.75, 0, 0, 0, 0.5, 0.5, 0, 0, 0.25, 0.25]  # 1.5 is no probability
    assert other.port.probabilities(0).read().tolist()[:11] == [0.5] * 11
    ((line, error),) = told
    assert line is rig.line
    assert "Gather" in error


def test_a_failure_that_nobody_asked_for_goes_to_the_excepthook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.append(str(args.exc_value)))
    rig = Rig(hears=False, outside_vad=True)
    with OnnxVad(breakable_model(tmp_path / "m.onnx")) as model, OutsideVad(model) as outside:
        outside.add(rig.line)
        rig.hear(windows((5, 4.0)))
        run(rig, outside, 20)
    assert len(reported) == 1
    assert "Gather" in reported[0]


def test_a_full_queue_holds_windows_back_in_the_mic_ring(tmp_path: Path) -> None:
    """Law 8: nothing is lost while the mic ring holds it."""
    rig = Rig(hears=False, outside_vad=True)
    with OnnxVad(mean_model(tmp_path / "m.onnx"), queue_windows=3) as model, OutsideVad(model) as outside:
        rig.hear(np.repeat(np.arange(40, dtype=np.float32) / 64, W))
        rig.run(1.28)
        outside.add(rig.line)
        assert outside.pump(wait=True) == 40
        rig.run(0.01)
    assert rig.port.probabilities(0).read().tolist() == [k / 64 for k in range(40)]
    assert rig.line.figures()["windows_skipped"] == 0


def test_what_the_mic_ring_no_longer_holds_is_counted_and_the_line_goes_on_behind_it(mean: OnnxVad) -> None:
    port, engine = AudioPort(RATE, mic_s=20), Engine()
    line = engine.add(port, outside_vad=True, input_s=60)
    engine.step(0)
    with OutsideVad(mean) as outside:
        outside.add(line)
        line.push(level((50.0, 0.5)))
        engine.step(50 * 10**9)  # the pump slept all the while
        outside.pump(wait=True)
        lost = outside.figures()["lost_samples"]
        assert 0 < lost <= 30 * 16000
        assert lost % W == 0
        for tick in range(1, 40):
            engine.step(50 * 10**9 + tick * TICK_NS)
        assert line.figures()["windows_skipped"] == lost // W
        assert line.figures()["windows"] == 50 * 16000 // W
    heard = port.probabilities(port.probabilities(0).oldest).read()
    assert set(heard.tolist()) <= {0.0, 0.5}
    assert heard[-1] == 0.5


def test_only_what_can_be_answered_is_taken(mean: OnnxVad, tmp_path: Path) -> None:
    rig, other, inside = Rig(hears=False, outside_vad=True), Rig(hears=False, outside_vad=True), Rig()
    with (
        OnnxVad(mean_model(tmp_path / "m.onnx"), window_samples=256) as short,
        pytest.raises(ValueError, match=r"windows are 512 samples at 16000 Hz; .* with 256"),
    ):
        OutsideVad(short)
    with pytest.raises(ValueError, match="interval_s"):
        OutsideVad(mean, interval_s=0)
    with OnnxVad(mean_model(tmp_path / "m.onnx")) as closed:
        pass
    with pytest.raises(VadClosed):
        OutsideVad(closed).add(rig.line)
    outside = OutsideVad(mean)
    with pytest.raises(ValueError, match="outside_vad=True"):
        outside.add(inside.line)
    outside.add(rig.line)
    with pytest.raises(ValueError, match="already"):
        outside.add(rig.line)
    rig.engine.remove(rig.line)
    assert outside.pump() == 0
    assert outside.figures()["lines"] == 0
    with pytest.raises(PortClosed, match="removed"):
        outside.add(rig.line)
    outside.close()
    outside.close()
    with pytest.raises(VadClosed):
        outside.add(other.line)
    with pytest.raises(VadClosed):
        outside.start()


def test_a_port_a_model_or_another_poster_that_comes_between_is_no_harm(mean: OnnxVad, tmp_path: Path) -> None:
    told: list[Exception] = []
    rigs = [Rig(hears=False, outside_vad=True) for _ in range(3)]
    with OutsideVad(mean, on_failure=lambda line, error: told.append(error)) as outside:
        for rig in rigs:
            outside.add(rig.line)
            rig.hear(level((1.0, 0.5)))
            rig.run(0.2)
        rigs[0].port.close()
        rigs[1].line.post_probability(3 * W, 0.5)
        outside.pump(wait=True)
        outside.pump(wait=True)
        assert outside.figures()["lines"] == 1
        assert rigs[2].line.answered == 6 * W
        assert ["beyond 1536" in str(error) for error in told] == [True]
    model = OnnxVad(mean_model(tmp_path / "m.onnx"))
    with OutsideVad(model, on_failure=lambda line, error: told.append(error)) as outside:
        outside.add(rigs[2].line)
        rigs[2].run(0.1)
        model.close()
        assert outside.pump(wait=True) == 0
        assert outside.figures()["lines"] == 0
        assert isinstance(told[-1], VadClosed)


# ---- live


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.002)


def test_live_a_line_is_heard_and_another_goes_on_where_it_was_let_go(mean: OnnxVad) -> None:
    port, engine = AudioPort(RATE), Engine()
    line = engine.add(port, outside_vad=True, input_s=30)
    line.push(level((0.1, 0), (20.0, 0.875)))
    threads = threading.active_count()
    engine.start()
    for _ in range(2):
        outside = OutsideVad(mean)
        outside.add(line)
        outside.start()
        with pytest.raises(RuntimeError, match="already runs"):
            outside.start()
        answered = line.answered
        until(lambda answered=answered: line.answered > answered + 5 * W)  # type: ignore[misc]
        outside.close()
        assert threading.active_count() == threads
        stands = line.answered
        time.sleep(0.1)
        assert line.answered == stands  # nothing is posted any more
    until(lambda: line.figures()["windows"] == stands // W)
    engine.stop()
    assert line.figures()["windows_skipped"] == 0
    assert [e.kind for e in port.events() if e.kind == "speech_started"] == ["speech_started"]
    engine.close()


def test_one_that_is_let_go_of_ends_its_thread(mean: OnnxVad) -> None:
    rig = Rig(hears=False, outside_vad=True)
    outside = OutsideVad(mean, interval_s=0.001)
    outside.add(rig.line)
    outside.start()
    (thread,) = (each for each in threading.enumerate() if each.name == "rtaudio outside VAD")
    del outside
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


# ---- the record


def recorded(path: Path, mean: OnnxVad, voice: Audio) -> tuple[list[Event], Audio]:
    """A call whose model answers at irregular times, while the agent speaks and controls come."""
    pick = np.random.default_rng(3)
    detector = DetectorConfig(endpoint_silence_s=0.3)
    port, engine = AudioPort(RATE), Engine()
    events = port.event_reader()
    with (
        Journal(path, port, detector=detector, outside_vad=True, interval_s=0.01) as journal,
        OutsideVad(mean) as outside,
    ):
        line = engine.add(port, detector=detector, outside_vad=True, input_s=30)
        outside.add(line)
        line.push(voice)
        engine.step(0)
        for tick in range(1, len(voice) // 160):
            if tick % 150 == 1:
                segment = port.playout.open_segment()
                segment.write(np.full(2 * RATE, 0.25, np.float32))
                segment.end()
            engine.step(tick * TICK_NS)
            if pick.random() < 0.2:
                outside.pump(wait=True)
        assert journal.failure is None
        engine.close()
    return events.read()[1], port.probabilities(0).read()


def test_law5_a_replay_takes_the_answers_from_the_record(tmp_path: Path, mean: OnnxVad) -> None:
    path = tmp_path / "call.rtj"
    events, probabilities = recorded(path, mean, np.concatenate([VOICE, VOICE]))
    journal = read_journal(path)
    assert journal.complete
    assert check_replay(journal).found == []
    replayed = replay_hearing(journal, chunk=777)
    assert replayed.events == [e for e in events if e.kind != "input_starved"]
    assert {e.kind for e in replayed.events} >= {"speech_started", "speech_ended", "turn_ended", "barge_in"}
    np.testing.assert_array_equal(replayed.probabilities, probabilities)


def test_a_replay_with_another_answer_says_where(tmp_path: Path, mean: OnnxVad) -> None:
    path = tmp_path / "call.rtj"
    recorded(path, mean, VOICE)
    journal = read_journal(path)
    told = [record for record in journal.engine if record.kind == 3]
    loud = next(i for i, r in enumerate(told) if Window.of(r.payload).probability > 0.5)
    for record in told[loud : loud + 12]:
        altered = record.payload[:20] + np.float32(0.0).tobytes() + record.payload[24:]
        expected = Window.of(record.payload)._replace(probability=0.0)
        assert repr(Window.of(altered)) == repr(expected), "as text: a window that was not heard twice holds a NaN"
        journal.engine[journal.engine.index(record)] = type(record)(record.kind, record.stamp, altered)
    assert any("wishes" in found or "hearing event" in found for found in check_replay(journal).found)
