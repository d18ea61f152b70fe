"""Laws 1, 2, 3, 5, 6, 9, 11: speech put out ahead of its time for a remote that holds audio, held against what that
remote really played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rtaudio import AudioPort, Engine, Journal, OutAudio, OutClear, OutDuck, read_journal
from rtaudio.core.replay import check_replay
from tests.core.rig import numbered
from tests.core.virtual_remote import RATE, TICK, TICK_NS, Call, balanced


@pytest.fixture
def call() -> Iterator[Call]:
    made = Call()
    yield made
    made.close()


# ---- What leaves when


def test_the_first_word_leaves_at_once_and_the_lead_then_fills(call: Call) -> None:
    call.run(10)
    call.speak(1.0)
    call.run(1)
    speech = np.flatnonzero(call.numbers())
    assert speech[0] == 10 * TICK, "put out in the very next tick"
    assert len(speech) == TICK + RATE // 5, "and 200 ms of it ahead"
    assert call.port.playout.ledger().ahead == RATE // 5
    call.run(1)
    assert call.port.playout.ledger().ahead == RATE // 5
    assert np.array_equal(call.numbers()[10 * TICK :], np.arange(1, 2 * TICK + RATE // 5 + 1))


def test_silence_is_never_put_out_ahead(call: Call) -> None:
    call.run(50)
    assert call.out.position == 50 * TICK
    call.speak(0.5)
    call.run(100)
    assert call.port.playout.ledger().ahead == 0
    assert call.out.position == 150 * TICK, "the lead has run down: as many samples as time"


def test_a_lead_of_nothing_is_a_line_without_a_remote() -> None:
    one, other = Call(lead_s=0.0), Call(remote="none")
    for each in (one, other):
        each.run(3)
        segment = each.open()
        each.write(segment, 700)
        each.run(10)
        each.write(segment, 2000)
        segment.end()
        each.speak(0.1)
        each.run(40)
    assert np.array_equal(one.tap.copy(0, 53 * TICK), other.tap.copy(0, 53 * TICK))
    assert [e[:3] for e in one.told] == [e[:3] for e in other.told]
    one.close()
    other.close()


def test_a_pull_ahead_causes_no_underrun(call: Call) -> None:
    """A TTS that gives 10 ms each 10 ms is never ahead, and never late."""
    segment = call.open()
    for _ in range(40):
        call.write(segment, TICK)
        events = call.run(1)
        assert not any(e.kind == "underrun" for e in events)
    segment.end()
    call.run(5)
    assert call.port.playout.ledger().underruns == 0


def test_a_segment_is_done_when_its_last_sample_is_due(call: Call) -> None:
    segment = call.speak(0.5)
    segment.add_mark(round(0.3 * RATE), 7)
    done = {e.kind: call.now_ns for _ in range(60) for e in call.run(1)}
    assert done["segment_started"] == TICK_NS
    assert done["mark"] == 31 * TICK_NS
    assert done["segment_done"] == 50 * TICK_NS


def test_the_agent_speaks_until_what_was_sent_is_due(call: Call) -> None:
    """What is ahead can still be interrupted: to the detector the agent speaks."""
    call.speak(0.3)
    call.run(20)
    assert call.port.playout.ledger().queued == 0
    ticket = call.port.playout.flush()
    call.run(20)
    assert [cut.segment for cut in call.port.playout.cuts(ticket)] == [1]


@pytest.mark.parametrize("tick_s", [0.005, 0.02, 0.037])
def test_out_positions_and_times_agree_with_any_tick(tick_s: float) -> None:
    port = AudioPort(RATE, queue_s=60, tap_s=60)
    with Engine(tick_s=tick_s) as engine:
        engine.add(port, remote="clears")
        engine.step(0)
        segment = port.playout.open_segment()
        segment.write(numbered(1, RATE))
        segment.end()
        for now_ns in range(0, 1_500_000_000, round(tick_s * 1e9)):
            engine.step(now_ns)
        tap = np.round(port.tap(0).read().astype(np.float64) * (1 << 24)).astype(np.int64)
        assert np.array_equal(tap[tap > 0], np.arange(1, RATE + 1))
        at_ns, _ = port.playout.device_time(len(tap) - 1)
        assert abs(at_ns - (len(tap) - 1) * 1e9 / RATE - round(tick_s * 1e9)) < 2e5
    port.close()


def test_device_time_is_when_a_sample_is_to_be_played(call: Call) -> None:
    call.run(10)
    call.speak(1.0)
    call.run(1)
    begin = 11 * TICK_NS
    for k in (0, 100, TICK, TICK + RATE // 5 - 1):
        assert abs(call.port.playout.device_time(10 * TICK + k)[0] - (begin + k * 1_000_000_000 // RATE)) <= 1
    with pytest.raises(ValueError, match="not been put out"):
        call.port.playout.device_time(call.out.position)


# ---- Flush


def test_flush_clears_the_remote_and_says_what_it_heard(call: Call) -> None:
    """Laws 2 and 9."""
    segment = call.speak(2.0)
    call.run(50)
    ticket = call.port.playout.flush()
    items = len(call.out.read())
    assert items == 0, "the order comes with the next pull"
    events = call.run(30)
    assert [clear for clear, _ in call.remote.cleared] == [1]
    truth = call.truth(segment)
    (cut,) = [e for e in events if e.kind == "cut"]
    assert cut.decided == truth == segment.heard(call.now_ns).final == segment.ledger().high
    assert segment.heard(call.now_ns).bound == 0
    assert call.port.playout.cuts(ticket)[0].high == truth
    assert 50 * TICK <= truth <= 50 * TICK + RATE * 5 // 1000, "what was due when the order left, and the remote's fade"
    ledger = segment.ledger()
    assert ledger.played - ledger.recalled == truth
    balanced(call, segment)


def test_what_a_flush_cut_is_not_heard_after_the_order_came(call: Call) -> None:
    call.speak(2.0)
    call.run(50)
    call.port.playout.flush()
    after = call.speak(0.2)
    call.run(60)
    heard = call.numbers()[call.remote.heard_outs()]
    first_new = int(np.flatnonzero(heard > call.starts[after.id])[0])
    assert np.all(heard[first_new:][heard[first_new:] > 0] > call.starts[after.id])
    assert np.array_equal(heard[heard > call.starts[after.id]], call.starts[after.id] + 1 + np.arange(RATE // 5))


def test_the_next_reply_does_not_wait_for_the_answer() -> None:
    call = Call(there_ms=150, back_ms=150)
    call.speak(2.0)
    call.run(50)
    call.port.playout.flush()
    after = call.speak(0.5)
    events = call.run(1)
    assert [(e.kind, e.segment) for e in events if e.kind == "segment_started"] == [("segment_started", after.id)]
    assert not [e for e in events if e.kind == "cut"], "the account of the cut does"
    assert len([e for e in call.run(40) if e.kind == "cut"]) == 1
    call.close()


def test_without_an_answer_the_bound_is_the_lead() -> None:
    call = Call(answers=False, report_every_ms=0)
    segment = call.speak(2.0)
    call.run(50)
    ticket = call.port.playout.flush()
    assert not call.port.playout.flushed(ticket)
    events = call.run(51)
    assert [e.kind for e in events if e.kind == "cut"] == ["cut"], "not for ever"
    assert call.port.playout.flushed(ticket)
    heard, truth = segment.heard(call.now_ns), call.truth(segment)
    assert abs(heard.final - truth) <= heard.bound
    assert heard.bound <= 51 * TICK + RATE // 5
    balanced(call, segment)
    call.close()


def test_acknowledged_and_sent_bound_what_is_heard(call: Call) -> None:
    segment = call.speak(2.0)
    marks = []
    for _ in range(150):
        call.run(1)
        heard, truth = segment.heard(call.now_ns), call.truth(segment)
        assert heard.now <= truth <= heard.now + heard.bound
        marks.append(heard.now)
    assert marks == sorted(marks), "high-water marks"
    assert marks[-1] > RATE


def test_interrupted_in_the_last_words_already_sent(call: Call) -> None:
    segment = call.speak(1.0)
    call.run(90)
    assert segment.ledger().queued == 0
    call.port.playout.flush()
    call.run(20)
    assert segment.ledger().state == "cut"
    assert segment.ledger().high == call.truth(segment) < RATE
    balanced(call, segment)


def test_a_reply_right_behind_a_flush_of_the_last_words_has_an_account_of_its_own(call: Call) -> None:
    """Laws 1 and 9: nothing was left to drop between the two, so they lie side by side in all that was put out."""
    first = call.speak(1.0)
    call.run(90)
    assert first.ledger().queued == 0
    call.port.playout.flush()
    second = call.speak(0.5)
    call.run(20)
    assert second.heard(call.now_ns).now > 0
    call.run(80)
    for segment in (first, second):
        heard, truth = segment.heard(call.now_ns), call.truth(segment)
        assert abs(heard.final - truth) <= heard.bound
        balanced(call, segment)
    assert first.ledger().recalled > 0 == second.ledger().recalled
    port = call.port.playout.ledger()
    assert port.played - port.recalled == int((call.numbers()[call.remote.heard_outs()] > 0).sum())


# ---- Pause


@pytest.mark.parametrize("pause_ticks", [1, 30])
def test_pause_loses_nothing(call: Call, pause_ticks: int) -> None:
    """Law 3: after the answer came, to the sample; before it, within what the line had declared."""
    segment = call.speak(1.5)
    call.run(50)
    call.port.playout.pause()
    call.run(pause_ticks)
    held = call.remote.holding
    call.port.playout.resume()
    call.run(200)
    heard = call.numbers()[call.remote.heard_outs()]
    heard = heard[heard > 0]
    if pause_ticks == 30:
        assert held < TICK * 3, "the remote was told to be still"
        assert np.array_equal(heard, np.arange(1, len(heard) + 1)), "the very next sample"
    assert len(set(heard.tolist())) == round(1.5 * RATE) == heard.max()
    assert segment.ledger().state == "done"
    ledger = segment.ledger()
    # Resumed before the answer came: by what was due, which does not know of the remote's fade.
    assert 0 <= len(heard) - (ledger.played - ledger.recalled) <= (0 if pause_ticks == 30 else RATE * 5 // 1000)
    balanced(call, segment)


def test_that_a_remote_plays_on_behind_a_clear_does_not_say_where_it_stopped() -> None:
    """Law 9: it never answers; its reports are of the silence that came after."""
    call = Call(there_ms=0, back_ms=0, jitter_ms=(0, 23), answers=False, report_every_ms=20, lead_s=0.0)
    segment = call.speak(0.77)
    call.run(53)
    call.port.playout.pause()
    for _ in range(60):
        call.run(1)
        heard, truth = segment.heard(call.now_ns), call.truth(segment)
        assert abs(heard.now - truth) <= heard.bound
    call.port.playout.resume()
    call.run(60)
    assert segment.ledger().state == "done"
    balanced(call, segment)
    call.close()


def test_resume_from_the_word_is_from_the_word_that_was_heard(call: Call) -> None:
    segment = call.speak(1.5)
    for word in range(0, round(1.5 * RATE), RATE // 10):
        segment.add_text(word, word // 1600)
    call.run(50)
    call.port.playout.pause()
    call.run(30)
    truth = call.truth(segment)
    call.port.playout.resume(rewind_to_word=True)
    (resumed,) = [e for e in call.run(200) if e.kind == "resumed"]
    assert resumed.a == truth // (RATE // 10) * (RATE // 10)
    balanced(call, segment)


def test_paused_then_flushed_ends_where_the_pause_stopped_the_remote(call: Call) -> None:
    """As barge-in does it."""
    segment = call.speak(1.5)
    call.run(50)
    call.port.playout.pause()
    call.run(15)
    call.port.playout.flush()
    call.port.playout.resume()
    events = call.run(2)
    assert [e.decided for e in events if e.kind == "cut"] == [call.truth(segment)]
    assert segment.heard(call.now_ns).bound == 0
    assert [e.kind for e in call.told].count("clear") == 1
    balanced(call, segment)


# ---- Duck


def test_a_duck_is_heard_at_once_where_the_remote_ducks() -> None:
    call = Call(remote="ducks", there_ms=0, back_ms=0)
    segment = call.open()
    segment.write(np.full(2 * RATE, 0.5, np.float32))
    segment.end()
    call.run(50)
    call.port.playout.duck(-6.0, 0.05)
    call.run(60)
    values = np.array(call.remote.values)
    at = np.flatnonzero(values < 0.499)[0]
    assert at <= 52 * TICK, "not a lead later"
    gain = 10 ** (-6 / 20)
    assert np.abs(np.diff(values[at - 10 : at + 1100])).max() < 1e-3, "no step, nor where the lead ends"
    assert np.allclose(values[at + 900 : at + 8000], 0.5 * gain, atol=1e-6)
    call.port.playout.duck(0.0, 0.02)
    call.run(30)
    assert np.allclose(np.array(call.remote.values)[-1000:], 0.5, atol=1e-6)
    call.close()


def test_without_such_a_remote_the_whole_ramp_is_in_the_samples(call: Call) -> None:
    segment = call.open()
    segment.write(np.full(2 * RATE, 0.5, np.float32))
    call.run(50)
    call.port.playout.duck(-6.0, 0.05)
    call.run(60)
    values = call.tap.copy(0, call.out.position)
    assert np.abs(np.diff(values[100:])).max() < 1e-3


# ---- A remote that cannot clear


def test_what_cannot_be_cleared_is_at_most_the_lead() -> None:
    call = Call(remote="plays")
    segment = call.speak(2.0)
    call.run(50)
    assert call.port.playout.ledger().ahead == round(0.06 * RATE)
    before = call.out.position
    call.port.playout.flush()
    call.run(20)
    cut = segment.ledger()
    assert cut.state == "cut"
    assert cut.played <= before + RATE * 5 // 1000
    heard = segment.heard(call.now_ns).final
    assert heard == cut.played, "what was sent is beyond recall"
    assert 0 <= heard - call.truth(segment) <= RATE * 5 // 1000, "and heard, the fade in no number that can be read"
    assert not call.remote.cleared
    with pytest.raises(ValueError, match="no remote that clears"):
        call.line.report_remote(1)
    balanced(call, segment)
    call.close()


# ---- The lead itself


def test_a_new_lead_takes_effect_at_the_next_tick(call: Call) -> None:
    call.speak(5.0)
    call.run(20)
    call.line.set_lead(0.5)
    call.run(1)
    assert call.port.playout.ledger().ahead == RATE // 2
    call.line.set_lead(0.1)
    call.run(1)
    assert call.port.playout.ledger().ahead == RATE // 2 - TICK, "what is ahead runs down"
    call.run(60)
    assert call.port.playout.ledger().ahead == RATE // 10
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="a lead must be"):
            call.line.set_lead(wrong)


def test_a_stall_shorter_than_the_lead_is_not_heard(call: Call) -> None:
    call.speak(3.0)
    call.run(20)
    call.remote.starved_ms = 0
    for _ in range(5):
        call.stall(19)
        call.run(40)
    assert call.remote.starved_ms == 0
    shorter = Call(lead_s=0.0)
    shorter.speak(3.0)
    shorter.run(20)
    shorter.remote.starved_ms = 0
    shorter.stall(19)
    shorter.run(40)
    assert shorter.remote.starved_ms >= 150, "the test can fail"
    shorter.close()


def test_options_that_cannot_be() -> None:
    port = AudioPort(RATE)
    with Engine() as engine:
        with pytest.raises(ValueError, match="remote must be one of"):
            engine.add(port, remote="loud")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="lead_s"):
            engine.add(port, lead_s=0.2)
        with pytest.raises(ValueError, match="a lead must be"):
            engine.add(port, remote="clears", lead_s=3.0)
        with pytest.raises(ValueError, match="sound card"):
            engine.add(port, remote="clears", kind="device")
        line = engine.add(port)
        with pytest.raises(ValueError, match="no remote"):
            line.set_lead(0.1)
    port.close()


# ---- Law 11


def test_reports_that_cannot_be_are_refused_and_counted(call: Call) -> None:
    segment = call.speak(2.0)
    call.run(30)
    before, heard = call.line.figures(), segment.heard(call.now_ns)
    position = call.out.position
    assert not call.line.report_remote(float("nan"))
    assert not call.line.report_remote("4800")
    assert not call.line.report_remote(None)
    assert not call.line.report_remote(-1)
    assert not call.line.report_remote(True)
    assert not call.line.report_remote(1 << 70)
    assert call.line.report_remote(position + 10**6)  # queued; refused by the tick
    assert call.line.report_remote(1)
    assert call.line.report_remote(2000, 5)
    call.engine.step(call.now_ns + TICK_NS)
    call.now_ns += TICK_NS
    after = call.line.figures()
    assert after["reports_refused"] - before["reports_refused"] == 9
    assert segment.heard(call.now_ns).now == heard.now
    for _ in range(100):
        call.line.report_remote(0)
    assert call.line.figures()["reports_dropped"] == 100 - 64


def test_an_answer_that_lies_recalls_no_more_than_was_played() -> None:
    """Laws 1 and 11: the clears before went unanswered; this answer goes back behind them, into another segment."""
    call = Call(answers=False, report_every_ms=0)
    segments = [call.speak(0.5), call.speak(2.0)]
    call.run(80)
    for _ in range(2):
        call.port.playout.pause()
        call.run(1)
        call.port.playout.resume()
        call.run(20)
    call.port.playout.pause()
    call.run(1)
    assert call.line.report_remote(1, 3)
    call.run(3)
    balanced(call, *segments)
    assert call.port.playout.ledger().recalled > RATE
    call.close()


# ---- Law 5


def test_a_journal_replays_bit_for_bit(tmp_path: Path) -> None:
    call = Call(there_ms=30, back_ms=40, jitter_ms=(0, 20, 5))
    path = tmp_path / "call.journal"
    with Journal(path, call.port):
        segment = call.speak(2.0)
        segment.add_mark(9000, 1)
        call.run(40)
        call.line.set_lead(0.35)
        call.run(10)
        call.port.playout.duck(-12.0)
        call.port.playout.pause()
        call.run(9)
        call.port.playout.resume()
        call.run(20)
        call.port.playout.flush()
        call.speak(0.3)
        call.run(80)
        call.engine.remove(call.line)
    assert check_replay(read_journal(path)).found == []
    call.close()


# ---- Chunks and loads


def test_when_steps_happen_changes_nothing() -> None:
    """Law 6."""
    outs = []
    for step in (1, 7):
        port = AudioPort(RATE, queue_s=60, tap_s=60)
        with Engine() as engine:
            engine.add(port, remote="clears")
            engine.step(0)
            segment = port.playout.open_segment()
            segment.write(numbered(1, RATE))
            segment.end()
            for tick in range(step, 141, step):
                engine.step(tick * TICK_NS)
            outs.append(port.tap(0).read())
        port.close()
    assert np.array_equal(*outs)


# ---- The reference


def test_played_gives_each_sample_at_its_time_and_none_that_was_recalled() -> None:
    call = Call(there_ms=0, back_ms=0)
    played = call.port.outgoing(0, played=True)
    got: list[np.ndarray] = []

    def take() -> int:
        items = played.read()
        assert all(isinstance(item, OutAudio) for item in items)
        got.extend(item.samples for item in items)  # type: ignore[union-attr]
        return sum(len(item.samples) for item in items)  # type: ignore[union-attr]

    for what in (lambda: call.speak(2.0), lambda: None, call.port.playout.pause, call.port.playout.resume):
        what()
        for _ in range(40):
            call.run(1)
            assert take() == TICK, "as many samples as time"
    call.port.playout.flush()
    for _ in range(40):
        call.run(1)
        assert take() == TICK
    heard = np.round(np.concatenate(got).astype(np.float64) * (1 << 24)).astype(np.int64)
    fade = RATE * 5 // 1000
    speech = heard[heard > 0]
    steps = np.flatnonzero(np.diff(speech) != 1)
    assert len(steps) <= fade, "one run of numbers, but for the fade-in after the pause"
    assert speech.max() < 2 * RATE
    call.close()


def test_orders_stand_in_their_places_among_the_samples(call: Call) -> None:
    out = call.port.outgoing(0)
    call.speak(1.0)
    call.run(20)
    call.port.playout.duck(-6.0, 0.01)
    call.run(3)
    call.port.playout.flush()
    call.run(3)
    items, position = out.read(), 0
    for item in items:
        assert item.out == position
        if isinstance(item, OutAudio):
            position += len(item.samples)
    orders = [type(item) for item in items if not isinstance(item, OutAudio)]
    assert orders == [OutDuck, OutClear]
    assert [item.clear for item in items if isinstance(item, OutClear)] == [1]
