"""Law 5: given the journal, a replay gives the same events, decisions and output bit for bit."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rtaudio import AudioPort, DetectorConfig, Engine, SegmentCut, SileroVad
from rtaudio.core.journal import Journal, JournalError, JournalFile, read_journal
from rtaudio.core.replay import check_replay, replay_hearing, replay_playout

TICK_NS = 10_000_000


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


def call(path: Path, vad: SileroVad, voice: np.ndarray, rate: int, seed: int = 0) -> np.ndarray:
    """A call in virtual time: the agent talks on, `voice` interrupts, controls come at random. Gives the output."""
    pick = np.random.default_rng(seed)
    port = AudioPort(24000, background_s=1.0)
    detector = DetectorConfig(endpoint_silence_s=0.3)
    engine = Engine(vad=vad)
    out = []
    with Journal(path, port, input_rate=rate, detector=detector, interval_s=0.01) as journal:
        line = engine.add(port, input_rate=rate, detector=detector)
        tap = port.tap(0)
        segment = None
        per_tick = rate // 100
        port.playout.set_background(np.full(500, 0.01, np.float32))
        engine.step(0)
        for tick in range(1, len(voice) // per_tick):
            line.push(voice[(tick - 1) * per_tick : tick * per_tick])
            try:
                if segment is None or pick.random() < 0.01:
                    if segment is not None:
                        segment.end()
                    segment = port.playout.open_segment()
                    segment.add_words([(int(k * 6000), k) for k in range(8)])
                    segment.add_mark(2000, tick)
                segment.write(pick.normal(0, 0.1, 240 if pick.random() < 0.9 else 480).astype(np.float32), None)
            except SegmentCut:
                segment = None
            match pick.integers(0, 60):
                case 0:
                    port.playout.pause()
                case 1 | 2:
                    port.playout.resume(bool(pick.integers(0, 2)))
                case 3:
                    port.playout.duck(-6, 0.05)
                case 4:
                    port.playout.duck(0)
                case 5:
                    port.playout.flush()
                case 7:
                    port.playout.set_background(None)
            engine.step(tick * TICK_NS)
            out.append(tap.read())
            journal.session({"tick": tick})
        port.playout.resume()
        engine.close()
    return np.concatenate(out)


@pytest.fixture(scope="module")
def voice(shared_data: Path) -> np.ndarray:
    raw = (shared_data / "speech" / "pocketsphinx" / "goforward.raw").read_bytes()
    speech = np.frombuffer(raw, "<i2").astype(np.float32) / 32768
    return np.concatenate([np.zeros(8000, np.float32), speech, np.zeros(8000, np.float32), speech[:20000]])


@pytest.fixture
def recorded(tmp_path: Path, vad: SileroVad, voice: np.ndarray) -> tuple[Path, np.ndarray]:
    path = tmp_path / "call.rtj"
    return path, call(path, vad, voice, 16000)


def test_a_replay_is_the_call_again_bit_for_bit(recorded: tuple[Path, np.ndarray], vad: SileroVad) -> None:
    path, out = recorded
    journal = read_journal(path)
    assert journal.complete
    assert check_replay(journal, vad).found == []
    replayed = replay_playout(journal)
    np.testing.assert_array_equal(replayed.out[: len(out)], out)
    kinds = {event.kind for event in replayed.events} | {event.kind for event in replay_hearing(journal, vad).events}
    assert {"cut", "paused", "resumed", "mark", "speech_started", "turn_ended", "barge_in"} <= kinds, "too tame a call"


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_other_input_rates_replay_too(tmp_path: Path, vad: SileroVad, rate: int) -> None:
    noise = np.random.default_rng(1).normal(0, 0.2, rate * 2).astype(np.float32)
    call(tmp_path / "call.rtj", vad, noise, rate, seed=rate)
    assert check_replay(read_journal(tmp_path / "call.rtj"), vad).found == []


@pytest.mark.parametrize("chunk", [1600, 333, 77])
def test_other_chunks_hear_the_same(recorded: tuple[Path, np.ndarray], vad: SileroVad, chunk: int) -> None:
    """Laws 5 and 6."""
    journal = read_journal(recorded[0])
    whole, cut = replay_hearing(journal, vad), replay_hearing(journal, vad, chunk=chunk)
    np.testing.assert_array_equal(whole.mic, cut.mic)
    np.testing.assert_array_equal(whole.probabilities, cut.probabilities)
    assert whole.events == cut.events


def test_the_scalar_kernel_hears_the_same(recorded: tuple[Path, np.ndarray]) -> None:
    assert check_replay(read_journal(recorded[0]), SileroVad(instruction_set="scalar")).found == []


def test_a_flush_that_completes_on_detach_and_a_starved_line_replay_too(tmp_path: Path, vad: SileroVad) -> None:
    path = tmp_path / "short.rtj"
    port = AudioPort(24000)
    engine = Engine(vad=vad)
    with Journal(path, port) as journal:
        engine.add(port)
        port.playout.open_segment().write(np.full(24000, 0.5, np.float32))
        for tick in range(12):
            engine.step(tick * TICK_NS)
        port.playout.flush()
        engine.close()
    assert {"cut", "flushed"} <= {check["playout"][0] for check in read_journal(path).check if "playout" in check}
    assert any(check["hearing"][0] == "input_starved" for check in read_journal(path).check if "hearing" in check)
    assert check_replay(read_journal(path), vad).found == []
    assert journal.failure is None


def test_a_live_call_under_load_replays_alone_in_another_batch(
    tmp_path: Path, vad: SileroVad, voice: np.ndarray
) -> None:
    """Law 5: live in batches with three other lines, threads and a busy machine; replayed window by window."""
    path = tmp_path / "loaded.rtj"
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    ports = [AudioPort(24000) for _ in range(4)]
    try:
        with Journal(path, ports[0]), Engine(vad=vad) as engine:
            lines = [engine.add(port, input_s=6.0) for port in ports]
            for line in lines:
                line.push(voice[6000:70000])
            engine.start()
            until = time.monotonic() + 3.0
            while time.monotonic() < until:
                segment = ports[0].playout.open_segment()
                with contextlib.suppress(SegmentCut):
                    for _ in range(50):
                        segment.write(np.full(480, 0.1, np.float32))
                        time.sleep(0.01)
                    segment.end()
            figures = engine.figures()
    finally:
        for process in busy:
            process.kill()
            process.wait()
    # The first line's second stream and peeks run alone: the others' agents are silent.
    assert figures["windows"] > 1.5 * figures["batches"], "it was heard in batches"
    journal = read_journal(path)
    assert journal.complete
    assert check_replay(journal, vad).found == []
    assert any(check["playout"][0] == "cut" for check in journal.check if "playout" in check)


def test_a_replay_that_differs_says_where(recorded: tuple[Path, np.ndarray], vad: SileroVad) -> None:
    journal = read_journal(recorded[0])
    journal.header["detector"]["confirm_after_s"] = 2.0
    assert any("wishes" in found for found in check_replay(journal, vad).found)


def test_a_crash_loses_no_more_than_the_last_interval(recorded: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, _ = recorded
    whole = read_journal(path)
    for cut in (9, 1000, 33_333):
        torn = tmp_path / f"torn{cut}.rtj"
        torn.write_bytes(path.read_bytes()[:-cut])
        journal = read_journal(torn)
        assert not journal.complete
        assert journal.session == whole.session[: len(journal.session)]


def test_damage_and_strangers_are_told(recorded: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    """Law 11."""
    data = bytearray(recorded[0].read_bytes())
    data[len(data) // 2] ^= 1
    bad = tmp_path / "bad.rtj"
    bad.write_bytes(data)
    with pytest.raises(JournalError, match="damaged at byte"):
        read_journal(bad)
    bad.write_bytes(b"RIFF....WAVE")
    with pytest.raises(JournalError, match="not a journal"):
        read_journal(bad)
    bad.write_bytes(b"RTAJ" + (9).to_bytes(4, "little"))
    with pytest.raises(JournalError, match="version 9"):
        read_journal(bad)


def test_the_journal_is_bounded_and_says_so(tmp_path: Path, vad: SileroVad) -> None:
    """Law 8."""
    path = tmp_path / "small.rtj"
    port = AudioPort(24000)
    with Journal(path, port, max_bytes=4096, interval_s=0.01) as journal:
        for i in range(200):
            port.playout.pull(240)
            journal.session({"text": "x" * 50, "i": i})
    assert path.stat().st_size < 4096 + 256
    read = read_journal(path)
    assert read.end is not None
    assert read.end["full"]
    assert not read.complete


def test_a_full_ring_is_counted_and_the_replay_refuses_to_guess(tmp_path: Path) -> None:
    path = tmp_path / "gap.rtj"
    port = AudioPort(24000)
    with Journal(path, port, interval_s=3600):
        for _ in range(40_000):
            port.playout.pull(16)
    journal = read_journal(path)
    assert not journal.complete
    assert isinstance(journal, JournalFile)
    assert journal.end is not None
    assert journal.end["lost"]["core"] > 0


def test_a_journal_begins_with_its_port(tmp_path: Path) -> None:
    port = AudioPort(24000)
    port.playout.pull(10)
    with pytest.raises(RuntimeError, match="before the port is driven"):
        Journal(tmp_path / "late.rtj", port)
    fresh = AudioPort(24000)
    with Journal(tmp_path / "one.rtj", fresh), pytest.raises(RuntimeError, match="already has a journal"):
        Journal(tmp_path / "two.rtj", fresh)
    with pytest.raises(OSError, match="No such file"):
        Journal(tmp_path / "nowhere" / "x.rtj", AudioPort(24000))


def test_session_records_keep_their_order(recorded: tuple[Path, np.ndarray]) -> None:
    ticks = [record["tick"] for record in read_journal(recorded[0]).session]
    assert ticks == sorted(ticks)
    assert len(ticks) > 100
    json.dumps(ticks)
