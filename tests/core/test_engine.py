"""The engine in virtual time, stepped by hand: alignment, catching up, barge-in. Laws 3, 5, 6, 7, 8, 11."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import (
    AudioPort,
    CoreJournal,
    DetectorConfig,
    Engine,
    PortClosed,
    Resampler,
    SecondConsumer,
    SegmentCut,
    SileroVad,
    Wake,
    clock_ns,
)
from rtaudio.core.replay import Window
from tests.core.rig import RATE, Audio, LevelVad, Rig, W, level, numbered, windows

FADE = RATE * 5 // 1000
DUCKLESS = DetectorConfig(duck_db=0.0)


# ---- alignment


def test_a_paced_line_takes_and_gives_exactly_what_is_due() -> None:
    rig = Rig(hears=False)
    rig.hear(numbered(1, 16000))
    rig.run(0.5)
    assert rig.port.mic_written == 8000
    assert len(rig.put_out()) == 12000
    np.testing.assert_array_equal(rig.mic.read(), numbered(1, 8000))  # equal rates: bit for bit


@pytest.mark.parametrize("rate", [8000, 24000, 44100, 48000])
def test_no_sample_is_lost_to_rounding_over_many_ticks(rate: int) -> None:
    rig = Rig(rate=rate, input_rate=44100, tick_s=0.003, hears=False)
    rig.hear(level((3, 0.1), rate=44100))
    rig.run(3.0, [0.003])
    f = rig.line.figures()
    assert (f["input_taken"], f["input_starved"], f["out_pulled"]) == (3 * 44100, 0, 3 * rate)


def test_law7_the_input_chain_delays_by_what_it_declares() -> None:
    rig = Rig(input_rate=48000, hears=False)
    click = np.zeros(48000, np.float32)
    click[24000] = 1.0  # 0.5 s: mic sample 8000
    rig.hear(click)
    rig.run(1.0)
    delay = rig.line.figures()["input_delay_samples"]
    assert delay == Resampler(48000, 16000).delay_samples
    assert int(np.argmax(np.abs(rig.mic.read()))) == 8000 + delay


def test_mic_and_output_stay_aligned_over_a_stall() -> None:
    """What the caller says and what he hears at the same moment are the same distance apart after two lost seconds."""
    steady, stalled = Rig(hears=False), Rig(hears=False)
    for rig, steps in ((steady, [0.01]), (stalled, [0.01] * 37 + [2.0])):
        rig.hear(numbered(1, 16000 * 5))
        rig.speak(4.0)
        rig.run(4.5, steps)
    np.testing.assert_array_equal(steady.mic.read(), stalled.mic.read())
    np.testing.assert_array_equal(steady.put_out(), stalled.put_out())


# ---- laws 5 and 6: how time is cut never changes what comes out


def scene(rig: Rig, steps: list[float]) -> tuple[Audio, Audio, Audio, list[object]]:
    """A cough, an "uh-huh" and an interruption while the agent speaks."""
    rig.hear(level((0.7, 0), (0.03, 0.9), (0.8, 0), (0.2, 0.8), (1.0, 0), (0.5, 0.9), (1.5, 0)))
    rig.speak(10.0)
    rig.run(4.5, steps)
    probabilities = rig.port.probabilities(0).read()
    return rig.mic.read(), rig.put_out(), probabilities, list(rig.events())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0001, 1.0), min_size=1, max_size=20))
def test_law6_when_steps_happen_never_changes_what_comes_out(steps: list[float]) -> None:
    expected = scene(Rig(), [0.01])
    got = scene(Rig(), steps)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("tick_s", [0.001, 0.005, 0.02, 0.1])
def test_law6_the_length_of_a_tick_never_changes_a_decision(tick_s: float) -> None:
    """Decisions are made on the mic clock; only the moment at which they take effect is a tick's."""

    def decisions(tick_s: float) -> list[object]:
        rig = Rig(tick_s=tick_s, detector=DetectorConfig(rewind_on_false=False))
        rig.speak(20.0)
        rig.run(0.1, [0.1])
        rig.hear(level((0.7, 0), (0.03, 0.9), (0.8, 0), (0.2, 0.8), (1.0, 0), (0.5, 0.9), (1.5, 0)))
        rig.run(4.5, [tick_s])
        kinds = ("speech_started", "speech_ended", "turn_ended", "barge_in")
        return [(e.kind, e.mic, e.decided, e.a, e.b, e.value) for e in rig.events(*kinds)]

    assert decisions(tick_s) == decisions(0.01)
    assert len(decisions(tick_s)) > 8


@pytest.mark.parametrize("input_rate", [16000, 48000, 11025])
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=20))
def test_law6_how_input_is_cut_never_changes_the_mic(input_rate: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(5)
    samples = rng.standard_normal(input_rate).astype(np.float32) * np.float32(0.1)
    whole, cut = Rig(input_rate=input_rate), Rig(input_rate=input_rate)
    whole.hear(samples)
    at, i = 0, 0
    while at < len(samples):
        cut.hear(samples[at : at + cuts[i % len(cuts)]])
        at += cuts[i % len(cuts)]
        i += 1
    for rig in (whole, cut):
        rig.run(1.0)
    np.testing.assert_array_equal(whole.mic.read(), cut.mic.read())
    np.testing.assert_array_equal(whole.port.probabilities(0).read(), cut.port.probabilities(0).read())


@pytest.mark.parametrize("max_batch", [1, 3, 8])
def test_law5_a_lines_decisions_do_not_depend_on_its_batch(max_batch: int) -> None:
    """Eleven lines that speak at different times, in batches of any size, each as if it were alone."""
    inputs = [level((0.05 * i, 0), (0.3 + 0.03 * i, 0.9), (1.5, 0.01 * i)) for i in range(11)]
    alone = []
    for samples in inputs:
        rig = Rig()
        rig.hear(samples)
        rig.run(1.6)
        alone.append((rig.port.probabilities(0).read().tolist(), rig.events()))
    engine = Engine(vad=LevelVad(), max_batch=max_batch)
    ports = [AudioPort(RATE) for _ in inputs]
    for port, samples in zip(ports, inputs, strict=True):
        engine.add(port, input_s=4.0).push(samples)
    engine.step(0)
    engine.step(1_600_000_000)
    assert [(p.probabilities(0).read().tolist(), p.events()) for p in ports] == alone
    figures = engine.figures()
    assert figures["windows"] == 11 * 50
    assert figures["batches"] == 50 * -(-11 // max_batch)


def test_law5_sileros_probabilities_do_not_depend_on_the_batch_or_on_who_else_is_there() -> None:
    rng = np.random.default_rng(3)
    inputs = [(rng.standard_normal(16000) * np.abs(np.sin(np.arange(16000) / 3000 + i)) * 0.2) for i in range(7)]

    def probabilities(max_batch: int, order: list[int]) -> list[list[float]]:
        engine, ports = Engine(vad=SileroVad(), max_batch=max_batch), {i: AudioPort(RATE) for i in order}
        for i, port in ports.items():
            engine.add(port).push(inputs[i].astype(np.float32))
        engine.step(0)
        engine.step(1_000_000_000)
        return [ports[i].probabilities(0).read().tolist() for i in sorted(order)]

    alone = [probabilities(1, [i])[0] for i in range(7)]
    assert probabilities(1, list(range(7))) == alone
    assert probabilities(3, [6, 0, 5, 1, 4, 2, 3]) == alone
    assert probabilities(8, list(range(7))) == alone
    assert len({tuple(p) for p in alone}) == 7


# ---- barge-in, end to end on the playout (no session has a hand in it)


def barge(rig: Rig) -> list[tuple[int, int]]:
    return [(e.b, e.a) for e in rig.events("barge_in")]


def test_an_interruption_ducks_pauses_and_flushes_by_itself() -> None:
    rig = Rig()
    segment = rig.speak(10.0)
    rig.hear(windows((20, 0.0), (20, 0.9), (60, 0.0)))
    rig.run(2.5)
    out, n = rig.put_out(), numbered(1, 10 * RATE)
    # Ducked in the tick in which window 20 was heard whole (672 ms: the tick that puts out 670..680 ms), and no sooner.
    np.testing.assert_array_equal(out[: 67 * 240], n[: 67 * 240])
    assert np.all(out[67 * 240 + 1 : 68 * 240] < n[67 * 240 + 1 : 68 * 240])
    # Paused a window later: 704 ms, after a fade of 5 ms. Silence from the pause on, also when it is flushed.
    assert not out[70 * 240 + FADE :].any()
    ledger = segment.ledger()
    assert ledger.state == "cut"
    assert ledger.played == 70 * 240 + FADE
    assert ledger.played + ledger.dropped == ledger.written == 10 * RATE
    events = rig.events()
    assert [(e.b, e.a) for e in events if e.kind == "barge_in"] == [(0, 1), (1, 2), (2, 3)]
    (cut,) = [e for e in events if e.kind == "cut"]
    assert (cut.segment, cut.a) == (segment.id, ledger.played)
    assert [e.b for e in events if e.kind == "turn_ended"] == [3]
    with pytest.raises(SegmentCut):
        segment.write(numbered(1, 10))


def test_the_next_reply_after_an_interruption_plays_at_full_level() -> None:
    """Neither the engine's duck nor its pause outlives the barge-in."""
    rig = Rig()
    rig.speak(10.0)
    rig.hear(windows((20, 0.0), (20, 0.9), (60, 0.0)))
    rig.run(2.5)
    rig.put_out()
    rig.speak(0.5, start=1000)
    rig.run(0.6)
    np.testing.assert_array_equal(rig.put_out()[: RATE // 2], numbered(1000, RATE // 2))


def test_law3_a_false_alarm_resumes_with_the_very_next_sample() -> None:
    rig = Rig(detector=DetectorConfig(duck_db=0.0, rewind_on_false=False))
    segment = rig.speak(4.0)
    rig.hear(windows((20, 0.0), (4, 0.9), (150, 0.0)))
    rig.run(5.0)
    out = rig.put_out()
    paused = 70 * 240 + FADE  # put out until then, the fade included
    resumed = int(np.flatnonzero(out[paused:])[0]) + paused
    # The last sample before the pause is faded to nearly nothing; the first after it is the next one, fading in.
    whole = numbered(1, 4 * RATE)
    np.testing.assert_array_equal(out[: 70 * 240], whole[: 70 * 240])
    at = slice(resumed + FADE, resumed + FADE + RATE)
    np.testing.assert_array_equal(np.diff(out[at]), np.full(RATE - 1, 2.0**-24, np.float32))
    ledger = segment.ledger()
    assert (ledger.played, ledger.dropped, ledger.replayed, ledger.state) == (4 * RATE, 0, 0, "done")
    events = rig.events()
    (pause,) = [e for e in events if e.kind == "paused"]
    (resume,) = [e for e in events if e.kind == "resumed"]
    assert pause.a == resume.a == paused
    assert [(e.b, e.a) for e in events if e.kind == "barge_in"] == [(0, 1), (1, 2), (2, 5)]  # a backchannel


def test_a_false_alarm_rewinds_to_the_word_where_so_configured() -> None:
    rig = Rig()
    segment = rig.speak(4.0)
    segment.add_words([(0, 0), (16400, 5), (60000, 10)])
    rig.hear(windows((20, 0.0), (4, 0.9), (150, 0.0)))
    rig.run(5.0)
    (resume,) = rig.events("resumed")
    assert (resume.a, resume.b) == (16400, 70 * 240 + FADE - 16400)
    ledger = segment.ledger()
    assert ledger.written + ledger.replayed == ledger.played
    assert (ledger.replayed, ledger.state) == (resume.b, "done")


def test_a_cough_only_ducks() -> None:
    rig = Rig()
    segment = rig.speak(4.0)
    rig.hear(windows((20, 0.0), (1, 0.9), (150, 0.0)))
    rig.run(4.0)
    out, n = rig.put_out(), numbered(1, 4 * RATE)
    assert segment.ledger().played == 4 * RATE
    np.testing.assert_array_equal(out[: 67 * 240], n[: 67 * 240])
    floor = out[70 * 240 : 105 * 240] / n[70 * 240 : 105 * 240]
    np.testing.assert_allclose(floor, 10 ** (-12 / 20), rtol=1e-3)
    np.testing.assert_array_equal(out[3 * RATE :], n[3 * RATE :])  # back at full level, bit for bit
    assert barge(rig) == [(0, 1), (1, 4)]


def test_who_talks_when_the_agent_starts_interrupts_it_at_once() -> None:
    rig = Rig()
    rig.hear(level((3.0, 0.9)))
    rig.run(1.0)
    segment = rig.speak(2.0)
    rig.run(1.0)
    assert barge(rig) == [(0, 3)]
    assert segment.ledger().state == "cut"
    assert segment.ledger().played <= RATE * 0.05 + FADE  # the tick it starts in, a window, a tick


def test_the_sessions_own_flush_ends_suspicion_and_undoes_it() -> None:
    rig = Rig()
    rig.speak(4.0)
    rig.hear(windows((20, 0.0), (4, 0.9), (200, 0.0)))
    rig.run(0.75)  # likely: paused by the engine
    rig.port.playout.flush()
    rig.run(0.05)
    assert barge(rig) == [(0, 1), (1, 2), (2, 0)]
    rig.put_out()
    rig.speak(0.5, start=5)
    rig.run(0.6)
    np.testing.assert_array_equal(rig.put_out()[: RATE // 2], numbered(5, RATE // 2))


def test_the_sessions_own_pause_is_not_lifted_by_the_engine() -> None:
    rig = Rig(detector=DUCKLESS)
    rig.speak(4.0)
    rig.hear(windows((20, 0.0), (4, 0.9), (200, 0.0)))
    rig.run(0.75)
    rig.port.playout.pause()
    rig.run(2.0)
    assert barge(rig) == [(0, 1), (1, 2), (2, 0)]
    assert rig.port.playout.ledger().paused
    rig.port.playout.resume()
    rig.run(0.1)
    assert not rig.port.playout.ledger().paused


def test_without_a_vad_the_mic_still_runs() -> None:
    rig = Rig(hears=False)
    rig.hear(level((1.0, 0.9)))
    rig.run(1.0)
    assert rig.port.mic_written == 16000
    assert rig.events() == []
    assert rig.line.figures()["windows"] == 0


# ---- law 8: bounds and counters


def test_input_beyond_its_bound_is_dropped_and_counted() -> None:
    rig = Rig(hears=False, input_s=0.1)
    room = rig.line.room
    assert rig.line.push(numbered(1, room + 100)) == room
    assert rig.line.push(numbered(1, 5)) == 0
    assert rig.line.room == 0
    assert rig.line.figures()["input_dropped"] == 105
    rig.run(room / 16000 + 0.01)
    np.testing.assert_array_equal(rig.mic.read()[:room], numbered(1, room))


def test_missing_input_is_silence_counted_and_told() -> None:
    rig = Rig(hears=False)
    rig.hear(numbered(1, 1000))
    rig.run(3.0)
    rig.hear(numbered(1, 16000))
    rig.run(0.5)
    starved = rig.events("input_starved")
    # At once (within the tick), after each second, and the rest when input is back.
    assert [e.a for e in starved] == [120, 16000, 16000, 48000 - 1000 - 32120]
    assert sum(e.a for e in starved) == rig.line.figures()["input_starved"] == 47000
    assert starved[0].mic == 960
    mic = rig.mic.read()
    np.testing.assert_array_equal(mic[:1000], numbered(1, 1000))
    assert not mic[1000:48000].any()
    np.testing.assert_array_equal(mic[48000:], numbered(1, 8000))


def test_law11_what_is_no_audio_becomes_silence_and_is_counted() -> None:
    rig = Rig()
    samples = level((0.5, 0.9))
    samples[100:110] = np.nan
    samples[200] = np.inf
    samples[300] = -1e30
    samples[400] = 64.0
    rig.hear(samples)
    rig.run(0.5)
    assert rig.line.figures()["input_bad"] == 12
    mic = rig.mic.read()
    assert np.isfinite(mic).all()
    assert not mic[100:110].any()
    assert mic[400] == 64.0
    assert [e.kind for e in rig.events("speech_started")] == ["speech_started"]


# ---- lines come and go


def test_lines_come_and_go_between_steps() -> None:
    engine = Engine()
    ports = [AudioPort(RATE) for _ in range(5)]
    lines = [engine.add(port) for port in ports]
    engine.step(0)
    engine.step(50_000_000)
    engine.remove(lines[2])
    assert lines[2].removed
    engine.step(100_000_000)
    assert [p.mic_written for p in ports] == [1600, 1600, 800, 1600, 1600]
    again = engine.add(ports[2])
    engine.step(200_000_000)
    assert [p.mic_written for p in ports] == [3200, 3200, 2400, 3200, 3200]
    assert again.figures()["out_pulled"] == RATE // 10
    with pytest.raises(ValueError, match="not in this engine"):
        engine.remove(lines[2])
    with pytest.raises(PortClosed):
        lines[2].push(numbered(1, 10))


@pytest.mark.parametrize("heard", [1, 4])
def test_law3_a_line_that_goes_leaves_no_duck_and_no_pause_behind(heard: int) -> None:
    """Removed while the user was suspected (one window: ducked) or likely (four: paused)."""
    rig = Rig()
    segment = rig.speak(4.0)
    rig.hear(windows((20, 0.0), (heard, 0.9), (60, 0.0)))
    rig.run(0.75)
    assert barge(rig)[-1][1] == min(heard, 2)
    rig.engine.remove(rig.line)
    rig.put_out()
    rig.line = rig.engine.add(rig.port, detector=DetectorConfig(barge_in=False))
    rig.run(4.0)
    assert (segment.ledger().played, segment.ledger().state) == (4 * RATE, "done")
    out = rig.put_out()
    spoken = out[FADE : np.flatnonzero(out)[-1] + 1 - FADE]
    np.testing.assert_array_equal(np.diff(spoken[RATE // 2 :]), np.float32(2.0**-24))  # at full level


def test_probability_k_is_of_window_k_whoever_drove_the_port_before() -> None:
    port, engine = AudioPort(RATE), Engine(vad=LevelVad())
    line = engine.add(port)
    engine.step(0)
    line.push(level((1.0, 0.25)))
    engine.step(100_000_000)  # 1600 samples: three windows and an eighth
    engine.remove(line)
    engine.add(port).push(level((1.0, 0.75)))
    engine.step(200_000_000)
    assert port.mic_written == 3200
    assert port.probabilities(0).read().tolist() == [0.25, 0.25, 0.25, 0.0, 0.75, 0.75]


def test_a_device_line_takes_whatever_is_there_and_leaves_the_output_alone() -> None:
    port, engine = AudioPort(RATE), Engine(vad=LevelVad())
    line = engine.add(port, kind="device", input_s=2.0)
    engine.step(0)
    line.push(level((1.5, 0.9)))
    engine.step(10_000_000)
    assert port.mic_written == 24000
    assert line.figures()["windows"] == 24000 // W
    assert line.figures()["out_pulled"] == line.figures()["input_starved"] == 0
    assert len(port.playout.pull(480)) == 480  # the role is free


def test_the_journal_holds_what_came_in_and_what_the_detector_was_told() -> None:
    """Law 5: input as it entered the chain and the facts beside it are all a replay needs."""
    rig = Rig()
    journal = CoreJournal(rig.port)
    samples = windows((10, 0.0), (16, 0.9), (4, 0.0))
    samples[5] = np.nan
    rig.speak(1.0)
    rig.hear(samples)
    rig.run(0.96)
    data, at, heard, told = journal.drain("engine"), 0, [], []
    while at < len(data):
        size, kind, _version = np.frombuffer(data, "<u4,<u2,<u2", 1, at)[0]
        (stamp,) = np.frombuffer(data, "<u8", 1, at + 8)
        payload = data[at + 16 : at + 16 + size]
        if kind == 2:
            assert stamp == sum(map(len, heard))
            heard.append(np.frombuffer(payload, "<f4"))
        elif kind == 3:
            told.append((int(stamp), Window.of(payload)))
        at += 16 + (int(size) + 7) // 8 * 8
    samples[5] = 0.0
    np.testing.assert_array_equal(np.concatenate(heard), samples)
    assert [stamp for stamp, _ in told] == [w.position_end for _, w in told] == [W * (k + 1) for k in range(30)]
    assert [w.probability for _, w in told] == rig.port.probabilities(0).read().tolist()
    assert {(w.speaking, w.segment) for _, w in told[2:10]} == {(1, 1)}
    assert [w.actions for _, w in told if w.actions] == [1, 2, 4 + 8 + 16]


def test_the_wake_up_is_written_once_per_step_and_only_with_news() -> None:
    wake, engine = Wake(), Engine()
    ports = [AudioPort(RATE) for _ in range(3)]
    lines = [engine.add(port, wake=wake, kind="device") for port in ports]
    engine.step(0)
    engine.step(100_000_000)
    assert not wake.drain()
    assert engine.figures()["wakes"] == 0
    for line in lines:
        line.push(level((0.1, 0.5)))
    engine.step(200_000_000)
    assert engine.figures()["wakes"] == 1
    assert wake.drain()
    assert not wake.drain()
    with pytest.raises(RuntimeError, match="3 line"):
        wake.close()
    engine.close()
    wake.close()
    with pytest.raises(PortClosed):
        wake.drain()


# ---- what is refused, and in which order things may go


def test_clear_refusals() -> None:
    port, engine = AudioPort(RATE), Engine()
    line = engine.add(port)
    with pytest.raises(SecondConsumer, match="already drives"):
        Engine().add(port)
    with pytest.raises(SecondConsumer):
        port.playout.pull(10)
    with pytest.raises(ValueError, match="12345"):
        engine.add(AudioPort(RATE), input_rate=12345)
    with pytest.raises(ValueError, match="kind"):
        engine.add(AudioPort(RATE), kind="file")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="AudioPort"):
        engine.add("port")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="vad_kernel"):
        Engine(vad=object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tick_s"):
        Engine(tick_s=1.0)
    engine.step(100)
    with pytest.raises(ValueError, match="fell"):
        engine.step(99)
    with pytest.raises(ValueError, match="an hour"):
        engine.step(clock_ns() + 4000 * 10**9)  # a wrong clock is no reason to work for days
    assert engine.figures()["ticks"] == 0
    with pytest.raises(TypeError, match="float32 or int16"):
        line.push(np.zeros(10))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one-dimensional"):
        line.push(np.zeros((10, 2), np.float32))
    with pytest.raises(ValueError, match="contiguous"):
        line.push(np.zeros(10, np.float32)[::2])
    assert line.push(np.zeros(0, np.float32)) == 0
    assert line.push(np.full(10, -32768, np.int16)) == 10
    pulled = AudioPort(RATE)
    pulled.playout.pull(10)
    with pytest.raises(SecondConsumer, match="detach"):
        engine.add(pulled)
    pulled.playout.detach()
    engine.add(pulled)
    small = Engine(max_lines=1)
    small.add(AudioPort(RATE))
    with pytest.raises(RuntimeError, match="full"):
        small.add(AudioPort(RATE))


def test_what_is_closed_says_so() -> None:
    port, engine = AudioPort(RATE), Engine()
    line = engine.add(port)
    port.close()
    with pytest.raises(PortClosed):
        line.push(numbered(1, 10))
    engine.step(0)
    engine.step(10_000_000)  # a closed port is driven on in silence until it is removed
    with pytest.raises(PortClosed):
        Engine().add(port)
    engine.close()
    engine.close()
    with pytest.raises(PortClosed):
        engine.step(20_000_000)
    with pytest.raises(PortClosed):
        engine.add(AudioPort(RATE))
    assert not engine.running


@pytest.mark.parametrize("order", [("engine", "line", "port"), ("port", "line", "engine"), ("line", "port", "engine")])
@pytest.mark.parametrize("threaded", [False, True])
def test_objects_may_go_in_any_order(order: tuple[str, ...], threaded: bool) -> None:
    held: dict[str, object] = {"engine": Engine(vad=LevelVad()), "port": AudioPort(RATE)}
    engine = held["engine"]
    assert isinstance(engine, Engine)
    held["line"] = engine.add(held["port"], wake=Wake())  # type: ignore[arg-type]
    if threaded:
        engine.start()
    else:
        engine.step(0)
        engine.step(100_000_000)
    port = weakref.ref(held["port"])
    del engine
    for name in order:
        del held[name]
        gc.collect()
    assert port() is None


def test_an_engine_in_a_cycle_is_collected_and_stopped() -> None:
    class Call:
        pass

    call = Call()
    call.engine, call.port = Engine(vad=LevelVad()), AudioPort(RATE)  # type: ignore[attr-defined]
    call.line = call.engine.add(call.port)  # type: ignore[attr-defined]
    call.me = call  # type: ignore[attr-defined]
    call.engine.start()  # type: ignore[attr-defined]
    gone = weakref.ref(call.engine)  # type: ignore[attr-defined]
    del call
    gc.collect()
    assert gone() is None


def test_modules_built_from_different_sources_refuse_each_other() -> None:
    """A port's handle is named after the sources that lay it out; any other capsule is refused, not read."""

    class Stranger:
        closed = False
        _engine_capsule = SileroVad().kernel

    engine = Engine()
    with pytest.raises(ImportError, match="build them together"):
        engine.add(Stranger())  # type: ignore[arg-type]
    engine.close()
