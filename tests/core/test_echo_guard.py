"""The echo guard: how much of what is heard is what was put out (csrc/echo_guard.h); laws 5, 6, 8 and 11."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio import AudioPort, EchoGuard, Engine, Resampler, resample
from tests.core.rig import LevelVad

RATE = 16000
W = 512
Audio = NDArray[np.float32]


def voice(seconds: float, seed: int, level: float = 0.1) -> Audio:
    """Something like speech: coloured noise in syllables of changing colour, with pauses."""
    rng = np.random.default_rng(seed)
    parts: list[Audio] = []
    while sum(map(len, parts)) < seconds * RATE:
        count = int(rng.uniform(0.08, 0.3) * RATE)
        noise = rng.normal(size=count + 64)
        colour = rng.normal(size=64) * np.exp(-np.arange(64) / rng.uniform(3, 20))
        syllable = np.convolve(noise, colour, "valid")[:count] * np.hanning(count)
        parts += [syllable / np.abs(syllable).max(), np.zeros(int(rng.uniform(0, 0.08) * RATE))]
    return (level * np.concatenate(parts)[: int(seconds * RATE)]).astype(np.float32)


def delayed(signal: Audio, samples: int) -> Audio:
    return np.concatenate([np.zeros(samples, np.float32), signal])[: len(signal)]


def hiss(count: int, seed: int = 9) -> Audio:
    return (1e-4 * np.random.default_rng(seed).normal(size=count)).astype(np.float32)


def shares(mic: Audio, ref: Audio, *, lead: int = 0, guard: EchoGuard | None = None) -> Audio:
    """One share for each whole window; the reference of a window comes after it by `lead` windows less."""
    guard = guard or EchoGuard(RATE)
    told = []
    for i in range(len(mic) // W):
        if lead == 0 and i:
            guard.put_out(ref[(i - 1) * W : i * W])
        elif lead:
            guard.put_out(ref[i * W : (i + 1) * W])
        guard.heard(mic[i * W : (i + 1) * W])
        told.append(guard.share())
    return np.array(told, np.float32)


def loud(signal: Audio) -> NDArray[np.bool_]:
    """Windows in which it is at most 20 dB below its loudest."""
    energy = np.square(signal[: len(signal) // W * W].reshape(-1, W)).mean(axis=1)
    found: NDArray[np.bool_] = energy > energy.max() * 1e-2
    return found


def room(seed: int = 3) -> Audio:
    """0.3 s of reverberation, as loud as what goes in."""
    rng = np.random.default_rng(seed)
    tail = rng.normal(size=4800) * 10 ** (-3 * np.arange(4800) / 4800)
    tail[:40] = 0
    tail *= 0.7 / np.sqrt(np.square(tail).sum())
    tail[20] = 0.7
    return tail.astype(np.float32)


def test_an_echo_is_explained_soon_after_it_is_first_heard() -> None:
    ref = voice(6, seed=1)
    mic = 0.4 * delayed(ref, 900) + hiss(len(ref))
    told = shares(mic, ref)[10:][loud(mic)[10:]]  # from 0.32 s on
    assert np.quantile(told, 0.05) > 0.9
    assert np.median(told) > 0.99


def test_an_echo_through_a_room_and_a_distorting_loudspeaker_is_explained() -> None:
    ref = voice(8, seed=2)
    distorted = np.tanh(8 * ref + 0.2) - np.tanh(np.float32(0.2))
    mic = (0.1 * np.convolve(distorted, room())[: len(ref)]).astype(np.float32)
    mic = delayed(mic, 700) + hiss(len(ref))
    told = shares(mic, ref)[30:][loud(mic)[30:]]
    assert np.quantile(told, 0.1) > 0.5
    assert np.median(told) > 0.9


def test_a_voice_over_the_echo_is_not_explained() -> None:
    ref, user = voice(10, seed=4), voice(10, seed=5)
    user[: 5 * RATE] = 0
    echo = 0.3 * delayed(np.convolve(ref, room())[: len(ref)].astype(np.float32), 800)
    told = shares(echo + user + hiss(len(ref)), ref)
    talking = loud(user)
    alone = loud(echo) & ~talking
    assert np.median(told[alone][20:]) > 0.9
    assert np.median(told[talking]) < 0.4  # the user is 10 dB above the echo


def test_a_line_without_an_echo_has_a_share_of_nought() -> None:
    ref, user = voice(20, seed=6), voice(20, seed=7)
    assert not shares(user + hiss(len(ref)), ref).any()


def test_nothing_is_explained_while_nothing_is_put_out() -> None:
    ref = voice(4, seed=8)
    ref[2 * RATE :] = 0
    mic = 0.5 * delayed(ref, 480) + hiss(len(ref))
    mic[3 * RATE :] += voice(1, seed=9)
    told = shares(mic, ref)
    assert told[: 2 * RATE // W].max() > 0.9
    assert not told[3 * RATE // W + 1 :].any()


@pytest.mark.parametrize("delay", [0, 90, 480, 1600, 4000, 7900])
def test_the_delay_is_found_to_the_sample_at_8_khz(delay: int) -> None:
    ref = voice(4, seed=10)
    guard = EchoGuard(RATE)
    shares(delayed(ref, delay) + hiss(len(ref)), ref, guard=guard)
    assert guard.delay_samples is not None
    assert abs(guard.delay_samples - delay) <= 2


@pytest.mark.parametrize("rate", [8000, 11025, 24000, 44100, 48000])
def test_the_delay_is_that_of_the_lines_at_every_rate_of_the_port(rate: int) -> None:
    at_rate = resample(voice(4, seed=11), RATE, rate, quality="vhq")
    heard = resample(at_rate, rate, RATE, quality="vhq")
    mic = delayed(heard, 1000) + hiss(len(heard))
    guard = EchoGuard(rate)
    for i in range(len(mic) // 160):
        guard.put_out(np.ascontiguousarray(at_rate[i * rate // 100 : (i + 1) * rate // 100]))
        guard.heard(mic[i * 160 : (i + 1) * 160])
    assert guard.delay_samples is not None
    assert abs(guard.delay_samples - 1000) <= 3


@pytest.mark.parametrize("loud_value", [1e15, 3e38])
def test_law11_what_is_no_audio_does_not_make_the_guard_deaf(loud_value: float) -> None:
    """A finite sample beyond all sound, put out once while the echo is known: the user is still told from the echo."""
    ref, user = voice(12, seed=21), voice(12, seed=22, level=0.3)
    mic = 0.3 * delayed(ref, 800) + hiss(len(ref))
    mic[8 * RATE :] += user[8 * RATE :]
    quiet = shares(mic, ref)
    wild = ref.copy()
    wild[5 * RATE : 5 * RATE + 50] = loud_value
    told = shares(mic, wild)
    late = slice(9 * RATE // W, None)
    np.testing.assert_allclose(told[late].mean(), quiet[late].mean(), atol=0.1)
    assert told[late].mean() < 0.7


def test_a_guard_whose_maker_forgot_to_make_it_is_a_guard() -> None:
    class Bare(EchoGuard):
        def __init__(self) -> None:
            pass

    assert Bare().share() == 0.0


def test_an_echo_in_loud_noise_is_found_and_not_lost() -> None:
    """9 dB below the noise for 40 s, longer than it takes to give up an echo whose phases cannot be seen."""
    ref = voice(40, seed=21)
    echo = 0.3 * delayed(ref, 800)
    noise = np.random.default_rng(22).normal(size=len(ref)).astype(np.float32)
    mic = echo + noise * np.float32(2.8 * np.sqrt(np.square(echo).mean()))
    guard = EchoGuard(RATE)
    shares(mic[: 6 * RATE], ref[: 6 * RATE], lead=1, guard=guard)
    assert guard.figures()["found"] == 1
    shares(mic[6 * RATE :], ref[6 * RATE :], lead=1, guard=guard)
    assert guard.figures()["found"] == 1
    assert guard.figures()["moved"] == 1


def test_an_echo_that_is_gone_is_given_up() -> None:
    ref = voice(40, seed=23)
    mic = 0.3 * delayed(ref, 800) + 10 * hiss(len(ref))
    mic[5 * RATE :] = 10 * hiss(len(ref))[5 * RATE :]  # headphones
    guard = EchoGuard(RATE)
    shares(mic[: 5 * RATE], ref[: 5 * RATE], lead=1, guard=guard)
    assert guard.figures()["found"] == 1
    shares(mic[5 * RATE :], ref[5 * RATE :], lead=1, guard=guard)
    assert guard.figures()["found"] == 0


def test_an_echo_that_moves_is_followed() -> None:
    ref = voice(16, seed=12)
    mic = 0.5 * delayed(ref, 600)
    mic[8 * RATE :] = 0.5 * delayed(ref, 2600)[8 * RATE :]
    guard = EchoGuard(RATE)
    told = shares(mic + hiss(len(ref)), ref, guard=guard)
    assert guard.delay_samples is not None
    assert abs(guard.delay_samples - 2600) <= 2
    assert np.median(told[-100:][loud(mic)[-100:]]) > 0.9


def test_clocks_that_drift_are_followed() -> None:
    ref = voice(30, seed=13)
    at = np.arange(len(ref)) * (1 + 60e-6)
    mic = np.interp(at, np.arange(len(ref)), 0.5 * delayed(ref, 1200)).astype(np.float32) + hiss(len(ref))
    told = shares(mic, ref)[30:][loud(mic)[30:]]
    assert np.median(told) > 0.9
    assert np.quantile(told, 0.1) > 0.5


@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
@settings(deadline=None, max_examples=10)
def test_cutting_into_chunks_changes_nothing(sizes: list[int]) -> None:
    """Law 6, as long as the reference is there in time."""
    ref = voice(2, seed=14)
    mic = 0.5 * delayed(ref, 800) + hiss(len(ref))
    expected = shares(mic, ref, lead=1)
    guard = EchoGuard(RATE)
    told, put_out = [], 0
    for i in range(len(mic) // W):
        end = (i + 1) * W
        while put_out < end:
            count = sizes[put_out % len(sizes)]
            guard.put_out(ref[put_out : put_out + count])
            put_out += min(count, len(ref) - put_out)
        guard.heard(mic[i * W : end])
        told.append(guard.share())
    assert np.array_equal(told, expected)


def test_the_same_calls_give_the_same_bits() -> None:
    """Law 5."""
    ref, user = voice(3, seed=15), voice(3, seed=16, level=0.02)
    mic = 0.5 * delayed(ref, 800) + user
    assert np.array_equal(shares(mic, ref), shares(mic, ref))


def test_a_reference_that_stops_coming_counts_as_silence() -> None:
    """Law 8: the mic waits 32 ms for it, no longer, and that is counted."""
    ref = voice(4, seed=17)
    mic = 0.5 * delayed(ref, 100) + hiss(len(ref))
    guard = EchoGuard(RATE)
    shares(mic[: 2 * RATE], ref[: 2 * RATE], guard=guard)
    told = []
    for i in range(2 * RATE, 4 * RATE - W, W):
        guard.heard(mic[i : i + W])
        told.append(guard.share())
    assert guard.figures()["starved"] > 100
    assert not any(told[-20:])


def test_two_clocks_are_brought_together() -> None:
    ref = voice(6, seed=18)
    guard = EchoGuard(RATE)
    guard.heard(hiss(RATE // 2))  # the mic begins half a second before the loudspeaker
    told = []
    mic = 0.5 * delayed(ref, 640) + hiss(len(ref))
    for i in range(len(mic) // W):
        guard.put_out(ref[i * W : (i + 1) * W])
        guard.align()
        guard.heard(mic[i * W : (i + 1) * W])
        told.append(guard.share())
    assert guard.figures()["realigned"] >= 1
    assert guard.delay_samples is not None
    assert np.median(np.array(told)[20:][loud(mic)[20 : len(told)]]) > 0.9


def test_bad_input_is_refused() -> None:
    """Law 11."""
    with pytest.raises(ValueError, match="no way from ref_rate=96000"):
        EchoGuard(96000)
    guard = EchoGuard(RATE)
    with pytest.raises(ValueError, match="sample 3 is not a finite number"):
        guard.put_out(np.array([0, 0, 0, np.nan], np.float32))
    with pytest.raises(ValueError, match="sample 0 is not a finite number"):
        guard.heard(np.array([np.inf], np.float32))
    with pytest.raises(TypeError, match="float32"):
        guard.heard(np.zeros(4))
    guard.heard(np.zeros(0, np.float32))
    assert guard.share() == 0


@pytest.mark.parametrize("level", [1.0, 1e-30, 60.0])
def test_extreme_levels_give_a_share_between_nought_and_one(level: float) -> None:
    ref = voice(2, seed=19) * np.float32(level * 10)
    told = shares(np.clip(3 * delayed(ref, 500), -64, 64).astype(np.float32), ref)
    assert np.all((told >= 0) & (told <= 1))


# On a line ----------------------------------------------------------------------------------------------------------


def test_a_line_knows_its_echo_and_how_late_it_is() -> None:
    """Of what the playout put out, after its gains, at the rate of the port."""
    spoken = resample(voice(4, seed=20), RATE, 24000, quality="vhq")
    port = AudioPort(24000)
    with Engine(vad=LevelVad()) as engine:
        line = engine.add(port, input_rate=16000)
        port.playout.open_segment().write(spoken)
        tap, down = port.tap(0), Resampler(24000, 16000)
        waiting = np.zeros(160 * 3, np.float32)  # three ticks, and what is on its way
        engine.step(0)
        for tick in range(1, 300):
            line.push(0.3 * waiting[:160])
            engine.step(tick * 10_000_000)
            waiting = np.concatenate([waiting[160:], down.process(tap.read())])
        figures = line.figures()
        assert figures["echo_found"] == 1
        assert abs(figures["echo_delay_samples"] - (480 + down.delay_samples)) <= 3
    port.close()


def test_a_port_whose_rate_the_resampler_does_not_know_goes_without_a_guard() -> None:
    port = AudioPort(96000)
    with Engine(vad=LevelVad()) as engine:
        line = engine.add(port)
        port.playout.open_segment().write(np.full(9600, 0.1, np.float32))
        engine.step(0)
        line.push(np.full(16000, 0.1, np.float32))
        engine.step(1_000_000_000)
        assert line.figures()["echo_found"] == 0
        assert line.figures()["windows"] == 31
    port.close()


def test_real_speech_in_a_real_room(shared_data: Path) -> None:
    """The agent reads in a measured room; its share stays high, and falls when somebody speaks over it."""
    import soundfile

    def wav(path: Path) -> Audio:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return resample(np.ascontiguousarray(samples.mean(axis=1)), rate, RATE, quality="vhq")

    ref = wav(shared_data / "speech/ljspeech/LJ001-0002.wav")
    ref = np.concatenate([ref, wav(shared_data / "speech/ljspeech/LJ001-0005.wav")])
    user = wav(next((shared_data / "speech/pocketsphinx/librivox").glob("*0880.wav")))[: 2 * RATE]
    reverberation = wav(shared_data / "noise/rir/rir4.wav")
    echo = np.convolve(ref, reverberation)[: len(ref)].astype(np.float32)
    echo *= np.float32(0.3 * np.sqrt(np.square(user).mean() / np.square(echo).mean()))
    mic = delayed(echo, 1000) + hiss(len(ref))
    before = shares(mic, ref)
    at = 4 * RATE // W * W
    mic[at : at + len(user)] += user
    after = shares(mic, ref)
    heard = loud(echo)
    assert np.median(before[15:][heard[15:]]) > 0.9
    talking = np.flatnonzero(loud(user)) + at // W
    assert np.median(after[talking]) < 0.4
    assert np.median(before[talking]) > 0.8


def test_what_a_line_was_told_of_its_echo_is_in_the_journal_and_replays(tmp_path: Path) -> None:
    """Law 5: the share is read from the record; no playout is needed to decide again."""
    from rtaudio import Journal, SileroVad, check_replay, read_journal
    from rtaudio.core.replay import windows_of

    spoken = resample(voice(3, seed=21, level=0.6), RATE, 24000, quality="vhq")
    port = AudioPort(24000)
    with Engine(vad=SileroVad()) as engine:
        with Journal(tmp_path / "call.rtaj", port, input_rate=16000):
            line = engine.add(port, input_rate=16000)
            port.playout.open_segment().write(spoken)
            tap, down = port.tap(0), Resampler(24000, 16000)
            waiting = np.zeros(160 * 3, np.float32)
            engine.step(0)
            for tick in range(1, 250):
                line.push(waiting[:160])
                engine.step(tick * 10_000_000)
                waiting = np.concatenate([waiting[160:], down.process(tap.read())])
        journal = read_journal(tmp_path / "call.rtaj")
        assert not check_replay(journal).found
        told = [window.echo for window in windows_of(journal.engine)]
        assert max(told) > 0.9
        assert told[0] == 0
        engine.remove(line)
    port.close()
