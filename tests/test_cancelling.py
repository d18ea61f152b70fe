"""Taking the agent's voice out before a line: laws 4, 5, 7, 8 and 11. Real package, real sound."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio import AudioPort, DeviceCallbacks, Engine, Journal, Line, Resampler, SileroVad, check_replay, read_journal
from rtaudio.core.replay import replay_hearing, windows_of
from rtaudio.transports import cancelling
from rtaudio.transports.cancelling import FRAME, LEAD, CancellerUnavailable, Cancelling, WebrtcProcessor
from rtaudio.transports.feeder import Feeder
from tests.core.test_echo_guard import hiss, voice

RATE = 16000
Audio = NDArray[np.float32]
needs_package = pytest.mark.skipif(
    importlib.util.find_spec("pywebrtc_audio") is None, reason='pywebrtc-audio is not installed: pip install ".[echo]"'
)


class Call:
    """An agent that speaks, and a way back from its loudspeaker to the line through a canceller; in virtual time."""

    def __init__(
        self, processor: cancelling.Processor, echo: float = 0.5, input_rate: int = RATE, *, cleaned: bool = False
    ) -> None:
        self.port = AudioPort(24000, tap_s=60, mic_s=60, queue_s=60)
        self.engine = Engine(vad=SileroVad())
        delay_s = Cancelling.delay_s(processor, input_rate)
        self.line: Line = self.engine.add(self.port, input_rate=RATE, upstream_delay_s=delay_s, cleaned=cleaned)
        self.cancelling = Cancelling(self.line, processor, input_rate=input_rate)
        self.rate, self.echo = input_rate, echo
        self.mic = self.port.mic(0)
        self._tap, self._down = self.port.tap(0), Resampler(24000, RATE)
        self._way = np.zeros(640, np.float32)
        self._ticks = 0
        self.heard: list[Audio] = []
        self.engine.step(0)

    def run(self, caller: Audio) -> None:
        """`caller` at the input's rate, 10 ms for each tick."""
        count = self.rate // 100
        for begin in range(0, len(caller) - count + 1, count):
            self._ticks += 1
            echo = self._way[:FRAME] if self.rate == RATE else np.zeros(count, np.float32)
            heard = caller[begin : begin + count] + np.float32(self.echo) * echo
            self.heard.append(heard)
            self.cancelling.push(heard)
            self.engine.step(self._ticks * 10_000_000)
            self._way = np.concatenate([self._way[FRAME:], self._down.process(self._tap.read())])

    def close(self) -> None:
        self.engine.close()
        self.port.close()


class Passing:
    """Gives the mic as it was, `delay_samples` later, and keeps what it was given."""

    name = "passing"

    def __init__(self, delay_samples: int = 0) -> None:
        self.delay_samples = delay_samples
        self.given: list[tuple[Audio, Audio]] = []
        self._held = np.zeros(delay_samples, np.float32)

    def process(self, mic: Audio, reference: Audio) -> Audio:
        self.given.append((mic, reference))
        late = np.concatenate([self._held, mic])
        self._held = late[FRAME:]
        return late[:FRAME]


class Deaf(Passing):
    """Takes everything out."""

    name = "deaf"

    def process(self, mic: Audio, reference: Audio) -> Audio:
        return np.zeros_like(super().process(mic, reference))


class Breaking(Passing):
    """Works for ten frames."""

    name = "breaking"

    def process(self, mic: Audio, reference: Audio) -> Audio:
        if len(self.given) == 10:
            raise RuntimeError("out of order")
        return super().process(mic, reference)


# WebRTC ---------------------------------------------------------------------------------------------------------------


@needs_package
@pytest.mark.parametrize(
    "asked",
    [
        {"echo_cancellation": True},
        {"echo_cancellation": False, "noise_suppression": True},
        {"echo_cancellation": True, "noise_suppression": True},
        {"echo_cancellation": False, "gain_control": True},
        {"echo_cancellation": True, "noise_suppression": True, "gain_control": True},
    ],
    ids=lambda asked: "+".join(name for name, on in asked.items() if on),
)
def test_the_declared_delay_is_the_measured_one(asked: dict[str, bool]) -> None:
    """Law 7."""
    processor = WebrtcProcessor(**asked)
    rng = np.random.default_rng(1)
    mic = (rng.normal(size=4 * RATE) * 0.05 * np.repeat(rng.uniform(0.2, 1, 400), FRAME)).astype(np.float32)
    silence = np.zeros(FRAME, np.float32)
    out = np.concatenate([processor.process(mic[i : i + FRAME], silence) for i in range(0, len(mic), FRAME)])
    length = 2 * len(mic)
    similar = np.fft.irfft(np.fft.rfft(out, length) * np.conj(np.fft.rfft(mic, length)))
    assert int(np.argmax(np.abs(similar))) == processor.delay_samples


@needs_package
def test_the_agents_voice_is_taken_out_and_the_callers_stays() -> None:
    call = Call(WebrtcProcessor(), echo=0.3)
    call.port.playout.open_segment().write(voice(12, seed=31, level=0.3), RATE)
    caller = hiss(10 * RATE)
    caller[6 * RATE : 8 * RATE] += voice(2, seed=32)
    call.run(caller)
    call.close()
    left, heard = call.mic.read(), np.concatenate(call.heard)

    def power(signal: Audio, begin_s: float, end_s: float) -> float:
        return float(np.square(signal[int(begin_s * RATE) : int(end_s * RATE)]).mean())

    assert 10 * np.log10(power(heard, 3, 6) / power(left, 3, 6)) > 20
    assert power(left, 6, 8) > 0.1 * power(caller, 6, 8)


@needs_package
@pytest.mark.parametrize("cleaned", [False, True])
def test_a_call_that_was_cleaned_is_the_same_every_time_and_replays(tmp_path: Path, cleaned: bool) -> None:
    """Law 5: the canceller's result is the line's input, so the journal needs no canceller."""

    def once(path: Path | None) -> Audio:
        call = Call(WebrtcProcessor(noise_suppression=True), cleaned=cleaned)
        journal = None if path is None else Journal(path, call.port, input_rate=RATE)
        call.port.playout.open_segment().write(voice(3, seed=33, level=0.3), RATE)
        call.run(hiss(3 * RATE) + voice(3, seed=34, level=0.05))
        if journal is not None:
            journal.close()
        call.close()
        return call.mic.read()

    assert np.array_equal(once(None), once(tmp_path / "call.rtaj"))
    assert not check_replay(read_journal(tmp_path / "call.rtaj")).found


def test_a_line_that_takes_both_listens_to_the_microphone_and_keeps_what_was_cleaned(tmp_path: Path) -> None:
    """Laws 5 and 7: its VAD hears the microphone, as late as the canceller is; the mic ring holds what that left."""
    caller = voice(3, seed=40)
    probabilities = {}
    for cleaned in (False, True):
        processor = Deaf(512) if cleaned else Passing(512)
        call = Call(processor, echo=0.0, cleaned=cleaned)
        path = tmp_path / f"{cleaned}.rtaj"
        journal = Journal(path, call.port, input_rate=RATE)
        call.run(caller)
        journal.close()
        call.close()
        assert bool(call.mic.read().any()) is not cleaned
        assert not check_replay(read_journal(path)).found
        probabilities[cleaned] = replay_hearing(read_journal(path)).probabilities
    assert probabilities[True].max() > 0.1  # of a synthetic voice
    assert np.array_equal(probabilities[True], probabilities[False])


@needs_package
def test_law5_barge_in_listens_to_what_was_cleaned_while_the_agent_speaks(tmp_path: Path) -> None:
    call = Call(WebrtcProcessor(), cleaned=True)
    journal = Journal(tmp_path / "call.rtaj", call.port, input_rate=RATE)
    call.port.playout.open_segment().write(voice(2, seed=33, level=0.3), RATE)
    call.run(hiss(3 * RATE) + voice(3, seed=34, level=0.05))
    journal.close()
    call.close()
    recorded = read_journal(tmp_path / "call.rtaj")
    windows = windows_of(recorded.engine)
    assert [np.isnan(w.cleaned) for w in windows] == [np.isnan(w.near) for w in windows]
    assert len({bool(np.isnan(w.cleaned)) for w in windows}) == 2
    assert not check_replay(recorded).found


def test_pushes_of_anything_but_float32_are_refused() -> None:
    call = Call(Passing(0))
    cleaner = Cancelling(call.line, Passing(0))
    for wrong in (np.zeros(160, np.int16), np.zeros((160, 2), np.float32), [0.0]):
        with pytest.raises(TypeError, match="mono float32"):
            cleaner.push(wrong)  # type: ignore[arg-type]
    call.close()


def test_law8_the_reference_of_a_paced_line_has_a_bound_too() -> None:
    """The microphone stands still for a second; after it, both are together again."""
    call = Call(Passing(0))
    call.port.playout.open_segment().write(voice(2, seed=41), RATE)
    for tick in range(1, 101):
        call.engine.step(tick * 10_000_000)
    call.cancelling.push(np.zeros(160, np.float32))
    assert call.cancelling.figures()["reference_passed_over"] > RATE // 2
    assert len(call.cancelling._reference) <= LEAD
    call.close()


def test_samples_beside_must_be_as_many_and_the_line_must_want_them() -> None:
    """Law 11."""
    both, one = AudioPort(16000), AudioPort(16000)
    with Engine() as engine:
        with pytest.raises(ValueError, match="cleaned=True needs input_rate=16000"):
            engine.add(both, input_rate=48000, cleaned=True)
        line = engine.add(both, cleaned=True)
        with pytest.raises(ValueError, match="80 cleaned samples beside 160"):
            line.push(np.zeros(160, np.float32), np.zeros(80, np.float32))
        with pytest.raises(TypeError):
            line.push(np.zeros(160, np.float32), np.zeros(160, np.float64))
        with pytest.raises(ValueError, match="takes nothing beside"):
            engine.add(one).push(np.zeros(160, np.float32), np.zeros(160, np.float32))
        engine.step(0)
        line.push(np.ones(160, np.float32), np.full(160, np.nan, np.float32))
        mic = both.mic(0)
        engine.step(10_000_000)
        assert not mic.read().any()
        assert line.figures()["input_bad"] == 160
    both.close()
    one.close()


@needs_package
def test_what_is_no_number_does_not_reach_it() -> None:
    """Law 11: a single NaN would stay in WebRTC's filters for ever."""
    call = Call(WebrtcProcessor())
    caller = voice(2, seed=35)
    caller[100], caller[200], caller[300] = np.nan, np.inf, 100.0
    call.run(caller)
    call.close()
    assert call.cancelling.figures()["bad"] == 3
    assert call.cancelling.failure is None
    assert np.isfinite(call.mic.read()).all()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "find_spec", lambda name: None)
    assert not cancelling.webrtc_available()
    with pytest.raises(CancellerUnavailable, match=r'pip install "rtaudio\[echo\]"'):
        WebrtcProcessor()


def test_a_package_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(CancellerUnavailable, match="does not load"):
        WebrtcProcessor()


def test_nothing_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="ask for"):
        WebrtcProcessor(echo_cancellation=False)


# Before the line ------------------------------------------------------------------------------------------------------


def test_the_reference_is_what_was_put_out_a_tick_before() -> None:
    """In order, each sample once, after gains; silence while nothing is said."""
    processor = Passing()
    call = Call(processor, echo=0.0)
    spoken = voice(1, seed=36)
    call.port.playout.open_segment().write(spoken, RATE)
    call.run(hiss(2 * RATE))
    put_out = np.asarray(call._down.__class__(24000, RATE).process(call.port.tap(0).read()), np.float32)
    call.close()
    reference = np.concatenate([reference for _, reference in processor.given])
    assert np.array_equal(reference[cancelling.LEAD :], put_out[: len(reference) - cancelling.LEAD])
    assert not reference[: cancelling.LEAD].any()
    assert call.cancelling.figures()["reference_starved"] == 0


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_the_delay_of_the_whole_way_is_declared(rate: int) -> None:
    """Law 7: resampler and processor add up in the line's figure, and that is what is measured."""
    call = Call(Passing(100), echo=0.0, input_rate=rate)
    click = np.zeros(rate, np.float32)
    click[rate // 2] = 1.0
    call.run(click)
    call.close()
    mic = call.mic.read()
    assert int(np.argmax(np.abs(mic))) == RATE // 2 + call.line.figures()["input_delay_samples"]


@pytest.mark.parametrize("cleaned", [False, True])
@pytest.mark.parametrize("count", [1, 7, 160, 161, 999])
def test_pushes_of_any_size_give_the_same(count: int, cleaned: bool) -> None:
    """Law 6."""
    call = Call(Passing(10), echo=0.0, cleaned=cleaned)
    caller = voice(0.5, seed=37)
    for begin in range(0, len(caller), count):
        call.cancelling.push(caller[begin : begin + count])
    call.engine.step(600_000_000)
    call.close()
    whole = len(caller) // FRAME * FRAME
    assert np.array_equal(call.mic.read()[10:whole], caller[: whole - 10])


def test_a_processor_that_fails_is_left_out_and_the_caller_still_heard() -> None:
    """Law 11: as late as before, counted, and why is kept."""
    call = Call(Breaking(32), echo=0.0)
    caller = voice(1, seed=38)
    call.run(caller)
    call.close()
    assert "out of order" in str(call.cancelling.failure)
    assert call.cancelling.figures()["failed"] == 90
    assert np.array_equal(call.mic.read()[32:], caller[:-32])


def test_a_line_at_another_rate_is_refused() -> None:
    port = AudioPort(24000)
    with Engine() as engine, pytest.raises(ValueError, match="the line's input is at 48000 Hz"):
        Cancelling(engine.add(port, input_rate=48000), Passing())
    port.close()


# The feeder -----------------------------------------------------------------------------------------------------------


def _device(rate: int = RATE) -> tuple[AudioPort, Engine, Line, DeviceCallbacks]:
    port = AudioPort(24000)
    engine = Engine(vad=SileroVad())
    line = engine.add(port, kind="device", input_rate=RATE)
    return port, engine, line, DeviceCallbacks(line, detour_rate=rate)


def _bring(callbacks: DeviceCallbacks, samples: Audio) -> None:
    """What PortAudio does with a block of the microphone."""
    import ctypes

    function = ctypes.CFUNCTYPE(
        ctypes.c_int,
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p),
    )(callbacks.input_callback)
    function(samples.ctypes.data, None, len(samples), None, 0, callbacks.userdata)


def test_what_the_microphone_brings_goes_through_the_feeder_to_the_line() -> None:
    port, engine, line, callbacks = _device()
    processor = Passing()
    feeder = Feeder(callbacks.take, Cancelling(line, processor, own_clocks=True))
    heard = voice(1, seed=39)
    mic = port.mic(0)
    engine.step(0)
    for i in range(50):
        _bring(callbacks, heard[i * 320 : (i + 1) * 320])
        feeder.step()
        engine.step((i + 1) * 20_000_000)
    assert np.array_equal(mic.read(), heard)
    assert len(processor.given) == 100
    callbacks.close()
    engine.close()
    port.close()


def test_a_feeder_that_stands_still_costs_no_more_than_the_ring() -> None:
    """Law 8: 2 s wait (rounded up to a power of two), the rest is dropped and counted; the callback never waits."""
    port, engine, line, callbacks = _device()
    for _ in range(250):
        _bring(callbacks, np.ones(320, np.float32))
    assert len(callbacks.take()) + callbacks.figures()["detour_dropped"] == 250 * 320
    assert callbacks.figures()["detour_dropped"] > 0
    assert line.figures()["input_taken"] == 0
    callbacks.close()
    engine.close()
    port.close()


def test_a_feeder_whose_processor_fails_tells_it_once() -> None:
    port, engine, line, callbacks = _device()
    told: list[Exception] = []
    feeder = Feeder(callbacks.take, Cancelling(line, Breaking(), own_clocks=True), on_failure=told.append)
    for _ in range(30):
        _bring(callbacks, np.ones(320, np.float32))
        feeder.step()
    assert [str(error) for error in told] == ["out of order"]
    assert feeder.died is None
    callbacks.close()
    engine.close()
    port.close()


def test_a_feeder_thread_that_dies_says_why() -> None:
    def read() -> Audio:
        raise OSError("the ring is gone")

    port, engine, line, callbacks = _device()
    told: list[Exception] = []
    feeder = Feeder(read, Cancelling(line, Passing(), own_clocks=True), on_failure=told.append)
    feeder.start()
    feeder._thread.join(20)
    assert "the ring is gone" in str(feeder.died)
    assert len(told) == 1
    feeder.close()
    callbacks.close()
    engine.close()
    port.close()


def test_a_line_with_a_detour_takes_pushes_and_one_without_does_not() -> None:
    port, engine, line, callbacks = _device()
    assert line.push(np.zeros(160, np.float32)) == 160
    callbacks.close()
    plain = DeviceCallbacks(line)
    with pytest.raises(RuntimeError, match="already pushes"):
        line.push(np.zeros(160, np.float32))
    assert not len(plain.take())
    plain.close()
    engine.close()
    port.close()


@needs_package
def test_two_clocks_that_come_apart_are_brought_together() -> None:
    """Law 8: the reference that waits has a bound."""
    port, engine, line, callbacks = _device()
    cleaner = Cancelling(line, WebrtcProcessor(), own_clocks=True)
    callbacks.close()
    port.playout.open_segment().write(voice(2, seed=40), RATE)
    for _ in range(100):
        port.playout.pull(480)
    cleaner.push(np.zeros(160, np.float32))
    assert cleaner.figures()["reference_passed_over"] > 0
    assert cleaner.failure is None
    engine.close()
    port.close()
