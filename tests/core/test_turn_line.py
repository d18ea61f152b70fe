"""Evidence and hints on their way into a line, and out of its journal again. Laws 4, 5, 6, 8, 10 and 11."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio import (
    AudioPort,
    BargeConfig,
    DetectorConfig,
    Engine,
    Event,
    Journal,
    PortClosed,
    SileroVad,
    TurnConfig,
    TurnEvidence,
    TurnReasons,
    check_replay,
    post_turn_hint,
    post_turn_settings,
    read_journal,
)
from rtaudio.core.journal import JournalError
from rtaudio.core.replay import replay_hearing
from tests.core.rig import TICK_NS, Rig, W, level, windows

SURE = TurnEvidence(p_trimmed=0.999, p_asked=0.999, f0_end_st=6.0, speech_s=1.0)
BARGE = ("quiet", "suspected", "likely", "confirmed", "false", "backchannel", "stopping", "kept")
CALLER = windows((10, 0.9), (60, 0.1))


def asked(events: list[Event]) -> list[int]:
    return [event.a for event in events if event.kind == "turn_asked"]


@pytest.mark.parametrize("step_s", [(0.01,), (0.05, 0.01), (0.003,)])
def test_evidence_takes_effect_in_the_next_tick_at_its_mic_position(step_s: tuple[float, ...]) -> None:
    """Posted after the same tick, it gives the same, whatever the steps (law 6)."""
    rig = Rig()
    rig.hear(CALLER)
    rig.run(0.36, step_s)
    (question,) = asked(rig.events())
    assert rig.line.post_turn_evidence(question, SURE)
    rig.run(0.64, step_s)
    events = rig.events()
    (answered,) = (event for event in events if event.kind == "turn_answered")
    assert answered.decided == 37 * 160, "the end of the tick after"
    (end,) = (event for event in events if event.kind == "turn_ended")
    assert end.mic == 10 * W
    assert TurnReasons.of(end).answered == 1
    assert end.decided < 10 * W + 9600


def test_evidence_between_windows_ends_the_turn_at_once() -> None:
    rig = Rig()
    rig.hear(CALLER)
    rig.run(0.62)
    assert rig.line.post_turn_evidence(asked(rig.events())[-1], SURE)
    rig.run(0.01)
    (end,) = (event for event in rig.events() if event.kind == "turn_ended")
    assert end.decided == 63 * 160
    assert end.decided % W, "not the end of a window"


def test_a_line_with_an_outside_vad_asks_and_hears_answers_too() -> None:
    rig = Rig(outside_vad=True)
    rig.hear(CALLER)
    for n in range(100):
        rig.run(0.01)
        while (end := rig.line.answered + W) <= rig.port.mic_written:
            rig.line.post_probability(end, 0.9 if end <= 10 * W else 0.1)
        for question in asked(rig.events()) if n < 50 else []:
            assert rig.line.post_turn_evidence(question, SURE)
    figures = rig.line.figures()
    assert figures["turn_answered"] >= 1
    assert figures["turn_late"] == 0
    assert rig.port.event_reader().read()[1][-1].kind == "turn_ended"


def test_hints_come_through() -> None:
    rig = Rig()
    rig.hear(CALLER)
    rig.run(0.5)
    assert rig.line.post_turn_hint("stt", 1, 0)
    assert rig.line.post_turn_hint("words", 4, 99)
    rig.run(0.6)
    (end,) = (event for event in rig.events() if event.kind == "turn_ended")
    assert "stt" in TurnReasons.of(end).why
    assert rig.line.figures()["turn_stale"] == 1


def test_who_has_the_port_alone_reaches_the_line_that_drives_it() -> None:
    rig = Rig()
    assert post_turn_hint(rig.port, "asked", 2)
    with pytest.raises(ValueError, match="cannot be 9"):
        post_turn_hint(rig.port, "asked", 9)
    rig.engine.remove(rig.line)
    assert not post_turn_hint(rig.port, "asked", 1), "nobody drives it"
    assert not post_turn_hint(AudioPort(24000), "asked", 1)
    rig.port.close()
    assert not post_turn_hint(rig.port, "asked", 1)


def test_law8_what_waits_is_bounded_and_what_is_dropped_is_counted() -> None:
    rig = Rig()
    taken = [rig.line.post_turn_evidence(7, SURE) for _ in range(300)]
    assert taken == [True] * 256 + [False] * 44
    assert [rig.line.post_turn_hint("asked", 1) for _ in range(257)] == [True] * 256 + [False]
    rig.run(0.01)
    assert rig.line.figures()["turn_stale"] == 16, "so many in a tick"
    rig.run(0.2)
    figures = rig.line.figures()
    assert (figures["turn_stale"], figures["evidence_dropped"], figures["hints_dropped"]) == (256, 44, 1)


def test_law11_bad_evidence_and_hints_are_refused() -> None:
    rig = Rig()
    with pytest.raises(ValueError, match="at most 16"):
        rig.line.post_turn_evidence(1, [0.0] * 17)
    with pytest.raises(ValueError, match="no hint 'mood'"):
        rig.line.post_turn_hint("mood", 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot be 2"):
        rig.line.post_turn_hint("thinking", 2)
    rig.engine.remove(rig.line)
    with pytest.raises(PortClosed, match="removed"):
        rig.line.post_turn_evidence(1, SURE)
    rig.port.close()
    with pytest.raises(PortClosed, match="closed"):
        rig.line.post_turn_hint("asked", 1)


def test_law10_the_agent_s_answer_closes_the_grace_time() -> None:
    """On a real playout: who speaks before the answer sounds goes on with the turn, not who speaks after."""
    for answers in (False, True):
        rig = Rig(detector=DetectorConfig(barge_in=False))
        rig.hear(windows((10, 0.9), (40, 0.1), (10, 0.9), (10, 0.1)))
        rig.run(1.2)
        assert [event.kind for event in rig.events("turn_ended")] == ["turn_ended"]
        if answers:
            rig.speak(1.0)
        rig.run(1.5)
        assert bool(rig.events("turn_resumed")) is not answers


SLOW, FAST = TurnConfig(silence_s=1.5), TurnConfig(silence_s=0.3)


def turn_end(rig: Rig) -> Event:
    (end,) = (event for event in rig.events() if event.kind == "turn_ended")
    return end


@pytest.mark.parametrize("step_s", [(0.01,), (0.05, 0.01), (0.003,)])
def test_settings_changed_in_a_silence_take_effect_in_the_next_tick_and_lose_no_turn(step_s: tuple[float, ...]) -> None:
    """What is asked of the silence from then on is what the new settings ask; whatever the steps (law 6)."""
    rig = Rig(detector=DetectorConfig(turn=SLOW))
    rig.hear(CALLER)
    rig.run(0.92, step_s)
    assert rig.line.post_turn_settings(FAST)
    rig.run(0.98, step_s)
    end = turn_end(rig)
    assert (end.out, end.mic, end.decided) == (0, 10 * W, 93 * 160), "the same turn, at the end of the tick after"
    assert TurnReasons.of(end).delay_s == 0.3


def test_settings_changed_in_an_open_turn_hold_for_its_end() -> None:
    ends = []
    for before, after in ((SLOW, FAST), (FAST, FAST), (FAST, SLOW)):
        rig = Rig(detector=DetectorConfig(turn=before))
        rig.hear(windows((10, 0.9), (80, 0.1)))
        rig.run(0.2)
        assert rig.line.post_turn_settings(after)
        rig.run(2.6)
        end = turn_end(rig)
        ends.append((end.out, end.mic, end.decided))
    assert ends[0] == ends[1], "as if it had been so from the start"
    assert ends[2][2] - ends[2][1] >= 1.5 * 16000


def test_law10_a_grace_time_that_is_running_takes_its_new_length() -> None:
    """The user went on 0.64 s after the end: once that is in time, once no more."""
    for grace_s, told in ((1.5, "turn_resumed"), (0.2, "speech_started")):
        rig = Rig(detector=DetectorConfig(turn=TurnConfig(silence_s=0.3, grace_s=0.7)))
        rig.hear(windows((10, 0.9), (30, 0.1), (10, 0.9), (40, 0.1)))
        rig.run(0.7)
        assert rig.line.post_turn_settings(TurnConfig(silence_s=0.3, grace_s=grace_s))
        rig.run(1.8)
        events = rig.events()
        assert ("turn_resumed" in [event.kind for event in events]) == (told == "turn_resumed")
        assert [event.kind for event in events].count("turn_ended") == 2


def test_barge_in_that_is_switched_off_lets_go_of_the_playout_and_can_be_switched_on_again() -> None:
    """A pause of barge-in is lifted by the settings that disable it: else the agent would be silent for ever."""
    rig = Rig(detector=DetectorConfig(barge=BargeConfig(confirm_after_s=10.0, confirm_by_s=10.0)))
    said = rig.speak(5.0)
    rig.hear(windows((4, 0.1), (60, 0.9), (20, 0.1), (40, 0.9)))
    rig.run(0.6)
    kinds = [BARGE[event.a] for event in rig.events() if event.kind == "barge_in"]
    assert kinds == ["suspected", "likely"]
    stood = said.ledger().played
    rig.run(0.1)
    assert said.ledger().played == stood, "it is paused"
    assert rig.line.post_turn_settings(barge=BargeConfig(enabled=False))
    rig.run(1.0)
    assert [BARGE[event.a] for event in rig.events() if event.kind == "barge_in"] == ["quiet"]
    assert said.ledger().played > stood + 0.8 * 24000
    assert rig.line.post_turn_settings(barge=BargeConfig())
    rig.run(2.0)
    again = [BARGE[event.a] for event in rig.events() if event.kind == "barge_in"]
    assert again[-1] == "confirmed"


def test_settings_and_hints_take_effect_in_the_order_in_which_they_were_given() -> None:
    """min_words by a config and by a hint: the later one stands, though both are taken in one tick."""
    for last in ("hint", "settings"):
        rig = Rig(detector=DetectorConfig(barge=BargeConfig(min_words=0)))
        rig.speak(3.0)
        rig.hear(windows((4, 0.1), (40, 0.9), (20, 0.1)))
        posts = [
            lambda line: line.post_turn_settings(barge=BargeConfig(min_words=50)),
            lambda line: line.post_turn_hint("min_words", 0),
        ]
        for post in posts if last == "hint" else posts[::-1]:
            assert post(rig.line)
        rig.run(1.0)
        confirmed = "confirmed" in [BARGE[event.a] for event in rig.events() if event.kind == "barge_in"]
        assert confirmed is (last == "hint")


def test_law8_settings_that_wait_are_bounded_and_law11_bad_ones_are_refused() -> None:
    rig = Rig()
    assert [rig.line.post_turn_settings(FAST) for _ in range(10)] == [True] * 8 + [False] * 2
    rig.run(0.01)
    assert rig.line.post_turn_settings(SLOW), "all of them were taken"
    assert rig.line.figures()["settings_dropped"] == 2
    rig.run(0.01)
    assert [rig.line.post_turn_hint("asked", 1) for _ in range(256)] == [True] * 256
    assert not rig.line.post_turn_settings(FAST), "no place among the hints"
    assert rig.line.figures()["settings_dropped"] == 3
    with pytest.raises(ValueError, match="TurnConfig, a BargeConfig, or both"):
        rig.line.post_turn_settings()
    with pytest.raises(TypeError):
        rig.line.post_turn_settings({"silence_s": 1.0})  # type: ignore[arg-type]
    assert not post_turn_settings(AudioPort(24000), FAST), "nobody drives it"
    rig.run(0.3)
    assert post_turn_settings(rig.port, FAST)
    rig.engine.remove(rig.line)
    assert not post_turn_settings(rig.port, FAST)
    with pytest.raises(PortClosed, match="removed"):
        rig.line.post_turn_settings(FAST)
    rig.port.close()
    with pytest.raises(PortClosed, match="closed"):
        rig.line.post_turn_settings(FAST)


def talk(path: Path, vad: SileroVad, voice: np.ndarray, outside: bool) -> None:
    """A call in virtual time: questions answered at random, some of them late, and hints at random."""
    pick = np.random.default_rng(5)
    port, detector = AudioPort(24000), DetectorConfig(turn=TurnConfig(profile="quick", speaking="patient"))
    reader = port.event_reader()
    stream = vad.stream()
    with Journal(path, port, detector=detector, outside_vad=outside, interval_s=0.01), Engine(vad=vad) as engine:
        line = engine.add(port, detector=detector, outside_vad=outside)
        mic = port.mic(0)
        due: list[tuple[int, int]] = []  # (tick, question)
        engine.step(0)
        for tick in range(1, len(voice) // 160):
            line.push(voice[(tick - 1) * 160 : tick * 160])
            engine.step(tick * TICK_NS)
            if outside:
                for probability in stream.process(mic.read(mic.available)):
                    line.post_probability(line.answered + W, float(probability))
            for event in reader.read()[1]:
                if event.kind == "turn_asked" and pick.random() < 0.9:
                    due.append((tick + int(pick.integers(0, 14)), event.a))
                if event.kind == "speech_started":
                    line.post_turn_hint("words", int(pick.integers(0, 9)), event.mic)
            for at, question in list(due):
                if at <= tick:
                    due.remove((at, question))
                    line.post_turn_evidence(question, TurnEvidence(*pick.random(2), *pick.normal(0, 3, 3)))
            if pick.random() < 0.02:
                line.post_turn_hint("thinking", int(pick.integers(0, 2)))
                line.post_turn_hint("stt", int(pick.integers(0, 3)), 0)
                line.post_turn_hint("min_words", int(pick.integers(0, 3)))
                profile = ("patient", "default", "quick")[pick.integers(0, 3)]
                turn = TurnConfig(profile=profile, grace_s=1.5 * int(pick.integers(0, 4)))
                barge = BargeConfig(enabled=bool(pick.integers(0, 2)))
                line.post_turn_settings(*[(turn, None), (None, barge), (turn, barge)][pick.integers(0, 3)])


@pytest.mark.parametrize("outside", [False, True])
def test_law5_a_call_with_evidence_and_hints_replays_bit_for_bit(
    tmp_path: Path, shared_data: Path, outside: bool
) -> None:
    vad = SileroVad()
    raw = np.frombuffer((shared_data / "speech/pocketsphinx/goforward.raw").read_bytes(), "<i2")
    voice = np.tile(np.concatenate([raw.astype(np.float32) / 32768, np.zeros(12000, np.float32)]), 4)
    path = tmp_path / "call.rtj"
    talk(path, vad, voice, outside)
    journal = read_journal(path)
    assert journal.complete
    assert check_replay(journal, vad).found == []
    kinds = [event.kind for event in replay_hearing(journal, vad, chunk=77).events]
    assert kinds == [event.kind for event in replay_hearing(journal, vad).events]
    assert {"turn_asked", "turn_answered", "turn_unanswered", "turn_ended", "turn_resumed"} <= set(kinds), "too tame"

    recorded = journal.engine
    for kind, what in ((8, "answers"), (10, "settings")):
        journal.engine = [record for record in recorded if record.kind != kind]
        assert check_replay(journal, vad).found, f"without the {what} it is another call"
    at = next(i for i, record in enumerate(recorded) if record.kind == 10)
    for payload in (b"\xff" * len(recorded[at].payload), recorded[at].payload[:-1]):
        journal.engine = [*recorded[:at], replace(recorded[at], payload=payload), *recorded[at + 1 :]]
        with pytest.raises(JournalError, match="altered"):
            check_replay(journal, vad)


def test_law4_under_the_engine_s_own_thread_answers_from_other_threads_come_through() -> None:
    """Real threads: one answers, one hints, the engine goes on."""
    port, vad = AudioPort(24000), SileroVad()
    with Engine(vad=vad) as engine:
        line = engine.add(port, input_s=4.0)
        line.push(level((3.0, 0.1)))
        stop = threading.Event()

        def post(what: str) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                if what == "evidence":
                    line.post_turn_evidence(number, SURE)
                else:
                    line.post_turn_hint("thinking", number % 2)
                if number % 50 == 0:
                    time.sleep(0.001)

        threads = [threading.Thread(target=post, args=(what,)) for what in ("evidence", "hint")]
        for thread in threads:
            thread.start()
        engine.start()
        until = time.monotonic() + 0.4
        while time.monotonic() < until or line.figures()["turn_stale"] < 20:
            time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
        engine.stop()
        figures = line.figures()
        assert figures["evidence_dropped"] > 0, "the bound was reached"
        assert figures["windows"] > 0
