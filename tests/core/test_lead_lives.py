"""Laws 1, 2, 9: a line with a lead over random lives, held against what its remote played."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtaudio import Segment
from tests.core.virtual_remote import MS, Call, balanced

LIFE = ("speak", "write", "flush", "answer", "pause", "resume", "stall", "lead", "wait")


@settings(
    max_examples=int(os.environ.get("RTAUDIO_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_life_agrees_with_what_the_remote_played(data: st.DataObject) -> None:
    """Over writes, flushes, pauses, stalls, leads, jitter: answers come in time, or the bound says how far."""
    there, back = data.draw(st.integers(0, 80), "there_ms"), data.draw(st.integers(0, 80), "back_ms")
    jitter = tuple(data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=5), "jitter_ms"))
    answers = data.draw(st.booleans(), "answers")
    call = Call(
        there_ms=there,
        back_ms=back,
        jitter_ms=jitter,
        answers=answers,
        report_every_ms=data.draw(st.sampled_from([0, 20, 100]), "reports"),
        lead_s=data.draw(st.sampled_from([0.0, 0.05, 0.2, 0.6]), "lead_s"),
    )
    segments: list[Segment] = []
    paused = stalled = hasty = False
    ordered_ns = -(10**9)
    try:
        for _ in range(data.draw(st.integers(3, 14), "steps")):
            what = data.draw(st.sampled_from(LIFE))
            if what == "speak":
                segments.append(call.speak(data.draw(st.integers(1, 120)) / 100))
            elif what == "write" and segments:
                segments.append(call.open())
                call.write(segments[-1], data.draw(st.integers(1, 5000)))
                segments[-1].end()
            elif what == "flush":
                call.port.playout.flush()
            elif what == "answer":  # right behind what it cuts
                call.port.playout.flush()
                segments.append(call.speak(data.draw(st.integers(1, 120)) / 100))
            elif what == "pause":
                call.port.playout.pause()
                paused = True
            elif what == "resume":
                call.port.playout.resume(data.draw(st.booleans()))
                paused = False
            elif what == "stall":
                stalled = True
                call.stall(data.draw(st.integers(1, 30)))
            elif what == "lead":
                call.line.set_lead(data.draw(st.integers(0, 80)) / 100)
            if what in ("flush", "answer", "pause", "resume"):  # so soon that the order before may be unanswered
                hasty |= call.now_ns - ordered_ns < 600 * MS
                ordered_ns = call.now_ns
            call.run(data.draw(st.integers(1, 60), "ticks"))
            balanced(call, *segments)
            for segment in segments:
                heard = segment.heard(call.now_ns)
                assert heard.now <= heard.final
                if segment.ledger().state == "playing":
                    assert call.truth(segment) <= heard.final + heard.bound
        hasty |= call.now_ns - ordered_ns < 600 * MS
        call.port.playout.flush()
        call.run(60)
        if paused:
            call.port.playout.resume()
        call.run(120)
        assert call.port.playout.ledger().ahead == 0
        assert call.port.playout.ledger().queued == 0
        assert call.line.figures()["reports_refused"] == 0
        for segment in segments:
            if segment.ledger().state != "cut":
                continue
            heard, truth = segment.heard(call.now_ns), call.truth(segment)
            assert abs(heard.final - truth) <= heard.bound, (segment.id, heard, truth)
            if answers and not hasty and not stalled:
                assert heard.bound == 0
        if answers and not hasty and not stalled:
            port = call.port.playout.ledger()
            assert port.played - port.recalled == int((call.numbers()[call.remote.heard_outs()] > 0).sum())
    finally:
        call.close()
