"""Laws 1, 2, 3 and 8 at the playout, said one by one."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import AudioPort, Playout, SecondConsumer, SegmentCut, clock_ns

RATE = 24000
FADE = RATE * 5 // 1000


def numbered(start: int, count: int) -> np.ndarray:
    """Sample k is k: exact in float32 up to 2^24."""
    return np.arange(start, start + count, dtype=np.float32)


def speaking(playout: Playout, count: int = RATE) -> tuple[object, np.ndarray]:
    segment = playout.open_segment()
    samples = numbered(1, count)
    assert segment.write(samples) == count
    return segment, samples


def test_samples_come_out_as_written_bit_for_bit() -> None:
    playout = Playout(RATE)
    segment, samples = speaking(playout)
    segment.end()
    got = np.concatenate([playout.pull(480) for _ in range(60)])
    np.testing.assert_array_equal(got[: len(samples)], samples)
    assert not got[len(samples) :].any()
    assert segment.ledger().state == "done"


def test_flush_leaves_no_stale_sample_but_a_fade_of_5_ms_that_counts_as_played() -> None:
    """Law 2."""
    playout = Playout(RATE)
    segment, samples = speaking(playout)
    playout.pull(480)
    ticket = playout.flush()
    assert not playout.flushed(ticket)
    after = playout.pull(480)
    assert playout.flushed(ticket)
    assert np.flatnonzero(after).max() < FADE
    assert np.all(np.abs(after[:FADE]) <= samples[480 : 480 + FADE])
    ledger = segment.ledger()
    assert (ledger.played, ledger.dropped, ledger.queued) == (480 + FADE, RATE - 480 - FADE, 0)
    cut = next(e for e in playout.events() if e.kind == "cut")
    assert (cut.segment, cut.a, cut.b) == (segment.id, ledger.played, ledger.dropped)


def test_awaiting_a_flush_gives_its_cuts() -> None:
    playout = Playout(RATE)
    first, _ = speaking(playout)
    first.add_words([(0, 0), (300, 6), (900, 12)])
    first.end()
    second, _ = speaking(playout, 100)
    playout.pull(480)

    async def main() -> None:
        flush = playout.flush()
        flush.timeout_s = 0.01
        with pytest.raises(TimeoutError, match="has not pulled"):
            await flush
        playout.pull(480)
        cuts = await flush
        assert [tuple(cut) for cut in cuts] == [
            (first.id, 480 + FADE, RATE - 480 - FADE, 480 + FADE, 6),
            (second.id, 0, 100, 0, 0),
        ]
        third, _ = speaking(playout)
        playout.detach()
        assert [cut.segment for cut in await playout.flush()] == [third.id]

    asyncio.run(main())


def test_flush_closes_every_open_segment_and_spares_those_opened_after_it() -> None:
    playout = Playout(RATE)
    first, _ = speaking(playout)
    waiting = [playout.open_segment() for _ in range(3)]
    playout.flush()
    fresh = playout.open_segment()
    assert fresh.write(numbered(1, 100)) == 100
    for old in (first, *waiting):
        with pytest.raises(SegmentCut, match="nothing was taken") as refused:
            old.write(numbered(1, 50))
        assert refused.value.segment == old.id
        assert old.is_cut
        assert old.ledger().refused == 50
    assert not fresh.is_cut
    np.testing.assert_array_equal(playout.pull(480)[:100], numbered(1, 100))
    assert playout.ledger().refused == 200


def test_a_fade_longer_than_a_pull_goes_on_in_the_next_and_the_new_segment_follows_at_once() -> None:
    playout = Playout(RATE)
    speaking(playout)
    playout.pull(480)
    playout.flush()
    fresh = playout.open_segment()
    fresh.write(np.full(1000, 7.0, np.float32))
    got = np.concatenate([playout.pull(50) for _ in range(6)])
    assert np.all(got[FADE : FADE + 100] == 7.0)
    assert got[FADE - 1] == 0.0


def test_without_a_consumer_the_cut_completes_by_itself() -> None:
    """Law 2: with no consumer the cut completes on asking, or on detach."""
    playout = Playout(RATE)
    segment, _ = speaking(playout)
    assert playout.flushed(playout.flush())
    assert segment.ledger().dropped == RATE
    second, _ = speaking(playout)
    playout.pull(480)
    ticket = playout.flush()
    playout.detach()
    assert playout.flushed(ticket)
    assert second.ledger().state == "cut"


@given(st.lists(st.integers(1, 700), min_size=1, max_size=40), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_pause_loses_nothing(pulls: list[int], salt: int) -> None:
    """Law 3: what is played with pauses is what was written; only the fades are softer."""
    playout = Playout(RATE)
    _, samples = speaking(playout, 2 * RATE)
    heard: list[np.ndarray] = []
    pick = np.random.default_rng(salt)
    paused = False
    for count in pulls:
        if pick.random() < 0.4:
            paused = not paused
            playout.pause() if paused else playout.resume()
        before = playout.ledger().played
        out = playout.pull(count)
        played = playout.ledger().played - before
        start = before
        # Played samples stand together; silence lies around them.
        where = next(
            (i for i in range(count - played + 1) if _is(out[i : i + played], samples[start : start + played])), None
        )
        assert where is not None
        heard.append(samples[start : start + played])
    np.testing.assert_array_equal(np.concatenate(heard), samples[: playout.ledger().played])
    assert playout.ledger().dropped == playout.ledger().replayed == 0


def _is(out: np.ndarray, samples: np.ndarray) -> bool:
    """`out` is `samples`, softened at most by a gain of 0..1."""
    return bool(np.all(out <= samples) and np.all(out >= 0))


def test_pause_takes_effect_at_the_next_pull_even_at_the_very_end_of_a_segment() -> None:
    playout = Playout(RATE)
    segment, samples = speaking(playout, 960)
    segment.end()
    playout.pull(480)
    playout.pause()
    first = playout.pull(480)
    assert np.flatnonzero(first).max() < FADE
    assert not playout.pull(480).any()
    playout.resume()
    rest = np.concatenate([playout.pull(480) for _ in range(2)])
    np.testing.assert_array_equal(rest[FADE : 480 - FADE], samples[480 + 2 * FADE : 960])
    assert segment.ledger().state == "done"


def test_resume_from_the_start_of_the_word_replays_it_and_counts_it() -> None:
    playout = Playout(RATE)
    segment, samples = speaking(playout)
    segment.add_words([(0, 0), (600, 4), (5000, 9)])
    playout.pull(960)
    playout.pause()
    playout.pull(480)
    playout.resume(rewind_to_word=True)
    again = playout.pull(480)
    np.testing.assert_array_equal(again[FADE:], samples[600 + FADE : 1080])
    assert segment.ledger().replayed == 960 + FADE - 600
    assert segment.heard().final == 1080, "a replay never lowers the high-water mark"


def test_underrun_is_counted_once_decays_without_a_click_and_fades_in_again() -> None:
    playout = Playout(RATE)
    segment = playout.open_segment()
    segment.write(np.ones(300, np.float32))
    got = np.concatenate([playout.pull(480), playout.pull(480)])
    assert playout.ledger().underruns == 1
    assert np.abs(np.diff(got)).max() <= 1.0 / FADE + 1e-6
    assert playout.ledger().concealed == FADE
    segment.write(np.ones(480, np.float32))
    back = playout.pull(480)
    assert back[0] == 0.0
    assert np.abs(np.diff(back)).max() <= 1.0 / FADE + 1e-6
    assert [e.kind for e in playout.events()].count("underrun") == 1


def test_law_6_how_pulls_are_cut_changes_nothing() -> None:
    def run(pulls: list[int]) -> np.ndarray:
        playout = Playout(RATE)
        segment, _ = speaking(playout, 9000)
        segment.end()
        playout.duck(-9, 0.1)
        return np.concatenate([playout.pull(n) for n in pulls])

    whole = run([9600])
    np.testing.assert_array_equal(whole, run([1] * 100 + [37] * 100 + [5800]))


def test_writers_meet_back_pressure_and_never_lose_a_sample() -> None:
    """Law 8."""
    playout = Playout(RATE, queue_s=0.1)
    segment = playout.open_segment()
    samples = numbered(1, RATE)
    sent, got = 0, []
    while sent < len(samples):
        sent += segment.write(samples[sent:])
        assert playout.ledger().queued <= 2400
        got.append(playout.pull(480))
    segment.end()
    got += [playout.pull(480) for _ in range(6)]
    np.testing.assert_array_equal(np.concatenate(got)[:RATE], samples)


def test_room_returns_after_a_flush_of_a_full_queue() -> None:
    playout = Playout(RATE, queue_s=1.0, history_s=0.5)
    for _ in range(20):
        segment = playout.open_segment()
        while segment.write(numbered(1, 4000)):
            pass
        playout.pull(480)
        playout.flush()
        playout.pull(480)
    assert playout.room == RATE


def test_resampled_segments_keep_their_length_and_their_place() -> None:
    """A segment written at another rate is aligned: no delay of the filter is left in it, and no tail after a flush."""
    playout = Playout(RATE)
    segment = playout.open_segment()
    t = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    for part in np.array_split(tone, 77):
        assert segment.write(part, 16000) == len(part)
    segment.end()
    assert segment.ledger().written == RATE
    got = np.concatenate([playout.pull(480) for _ in range(50)])
    want = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    inner = slice(200, -200)
    assert np.abs(got[inner] - want[inner]).max() < 1e-3


def test_marks_fire_when_their_sample_has_been_played_also_when_set_late() -> None:
    playout = Playout(RATE)
    segment, _ = speaking(playout)
    segment.add_mark(500, 1)
    playout.pull(480)
    assert "mark" not in [e.kind for e in playout.events()]
    playout.pull(480)
    mark = next(e for e in playout.events() if e.kind == "mark")
    assert (mark.a, mark.b, mark.out) == (1, 500, 500)
    segment.add_mark(100, 2)
    playout.pull(480)
    assert [e.a for e in playout.events() if e.kind == "mark"] == [2]


def test_a_cut_says_what_text_was_heard_even_with_words_that_come_late() -> None:
    playout = Playout(RATE)
    segment, _ = speaking(playout)
    playout.pull(960)
    playout.flush()
    playout.pull(960)
    segment.add_words([(0, 0), (480, 5), (960, 11), (5000, 17)])
    assert segment.text_offset(segment.heard().final) == 11


def test_background_goes_on_under_speech_through_flush_and_pause() -> None:
    port = AudioPort(RATE, background_s=1.0)
    playout = port.playout
    playout.set_background(np.full(1000, 0.25, np.float32))
    playout.pull(480)
    speaking(playout)
    assert playout.pull(480)[0] == 1.25
    playout.flush()
    playout.pull(480)
    playout.pause()
    np.testing.assert_array_equal(playout.pull(480), np.full(480, 0.25, np.float32))
    playout.set_background(None)
    playout.pull(480)
    assert not playout.pull(480).any()


def test_the_tap_is_what_was_put_out() -> None:
    port = AudioPort(RATE)
    speaking(port.playout)
    port.playout.duck(-6)
    tap = port.tap(0)
    out = [port.playout.pull(480), port.playout.pull(300)]
    port.playout.flush()
    out.append(port.playout.pull(480))
    np.testing.assert_array_equal(tap.read(), np.concatenate(out))


def test_each_sample_of_the_tap_has_its_device_time() -> None:
    playout = Playout(RATE)
    with pytest.raises(ValueError, match="not been put out"):
        playout.device_time(0)
    for i in range(130):
        playout.pull(240, device_ns=1_000_000_000 + i * 10_000_000, bound_ns=700)
    assert playout.device_time(2 * 240) == (1_020_000_000, 700)
    assert playout.device_time(129 * 240 + 120) == (2_295_000_000, 700)
    with pytest.raises(LookupError, match="too long ago"):
        playout.device_time(2 * 240 - 1)
    with pytest.raises(ValueError, match="not been put out"):
        playout.device_time(130 * 240)


def test_heard_lags_played_by_the_device_and_never_falls() -> None:
    playout = Playout(RATE)
    segment, _ = speaking(playout)
    start = clock_ns()
    for i in range(10):
        playout.pull(480, device_ns=start + i * 20_000_000 + 50_000_000, bound_ns=1_000_000)
    at = segment.heard(start + 100_000_000)
    assert at.final == 4800
    assert at.now == pytest.approx(1200, abs=1)
    assert at.bound >= 24
    assert segment.heard(start).now == at.now, "heard is a high-water mark"


def test_a_second_consumer_is_refused() -> None:
    port = AudioPort(RATE)
    port.playout.pull(10)
    shared = AudioPort.create_shared(RATE)
    session = AudioPort.attach(shared.fd)
    shared.accept(session.fd)
    shared.playout.pull(10)
    with pytest.raises(RuntimeError, match="session side"):
        session.playout.pull(10)
    again = AudioPort.create_shared(RATE)
    again.playout.attach()
    again.playout.attach()  # the one who has the role may ask again
    assert issubclass(SecondConsumer, RuntimeError)


def test_flush_from_any_thread_while_another_pulls_and_a_third_writes() -> None:
    """Laws 1 and 2 under load: sample values name their segment, so nothing stale can hide."""
    playout = Playout(RATE)
    stop = threading.Event()
    pulled: list[tuple[int, np.ndarray]] = []
    cuts: list[int] = []  # segments opened before the flush whose ticket came back

    def pull() -> None:
        while not stop.is_set():
            known = len(cuts)
            pulled.append((cuts[known - 1] if known else 0, playout.pull(240)))

    def write() -> None:
        while not stop.is_set():
            try:
                segment = playout.open_segment()
                for _ in range(20):
                    if stop.is_set():
                        return
                    segment.write(np.full(240, float(segment.id), np.float32))
                segment.end()
            except (SegmentCut, BlockingIOError):
                continue

    threads = [threading.Thread(target=pull), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 1.0
    highest = 0
    while time.monotonic() < until:
        time.sleep(0.002)
        ledger = playout.ledger()
        assert ledger.written + ledger.replayed == ledger.played + ledger.queued + ledger.dropped
        highest = _last_segment(playout)
        playout.flush()
        cuts.append(highest)
    stop.set()
    for thread in threads:
        thread.join()
    for oldest, block in pulled:
        # A fade of what was sounding may come first; fades and decays never stand still, samples of a segment do.
        still = block[:-1][(np.diff(block) == 0) & (block[:-1] > 0)]
        assert not np.any(still <= oldest), "a stale sample came out"
    ledger = playout.ledger()
    assert ledger.written + ledger.replayed == ledger.played + ledger.queued + ledger.dropped
    assert ledger.played + ledger.silence + ledger.concealed == ledger.pulled == 240 * len(pulled)


def _last_segment(playout: Playout) -> int:
    """The id of a segment opened (and at once ended) now: all before it are older than a flush that follows."""
    try:
        marker = playout.open_segment()
    except BlockingIOError:
        return 0
    return int(marker.id)
