"""The bench of the jitter buffer: its figures are right where they can be known, and traces that are none are told."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from rtaudio import RtpPacket
from rtaudio.bench import jitter, jitter_play, jitter_speech, traces
from rtaudio.bench.command import run
from rtaudio.bench.traces import BadTrace, Trace


def silent(_: str) -> None:
    pass


def even(count: int, late_ms: dict[int, float], lost: tuple[int, ...] = ()) -> Trace:
    number = np.arange(count)
    arrival = number * 20.0 + np.array([late_ms.get(int(n), 0.0) for n in number])
    kept = ~np.isin(number, lost)
    return traces._trace("even", number, arrival, kept)


def test_delay_is_that_of_the_packets_and_none_is_added() -> None:
    figures = jitter.measure(even(200, {50: 15.0, 100: 5.0}), codec="l16")
    assert figures["mean_delay_ms"] == pytest.approx(20 / 200)
    assert figures["added_delay_ms_inorder"] == 0
    assert figures["oracle_delay_ms"] == 0.0  # 1 % may be late
    assert figures["concealed_ratio"] == figures["never_used_ratio"] == 0
    assert figures["accounting_error"] == [0, 0]


def test_lost_packets_are_concealed_and_no_others() -> None:
    figures = jitter.measure(even(200, {}, lost=(40, 41, 42, 43, 44, 45, 46, 47, 120)), codec="l16")
    assert figures["true_loss_ratio"] == 9 / 200
    assert figures["concealed_ratio"] == pytest.approx(9 / 200)
    assert figures["interruptions"] == 1
    assert figures["added_delay_ms_inorder"] == 0  # what waits behind a gap is not in order


@pytest.mark.parametrize("link", traces.LINKS)
def test_links_lose_nothing_but_what_was_lost(link: str) -> None:
    figures = jitter.measure(traces.synthetic(link, seconds=20), codec="l16")
    assert figures["added_delay_ms_inorder"] == 0
    assert figures["never_used_ratio"] == 0
    assert figures["accounting_error"] == [0, 0]
    assert figures["concealed_ratio"] == pytest.approx(figures["true_loss_ratio"], abs=1e-3)


def test_a_player_comes_near_the_oracle_and_conceals_little_more_than_was_lost(tmp_path: Path) -> None:
    trace = traces.synthetic("gaussian", seconds=40)
    figures = jitter_play.measure(trace, codec="l16", channels=1, late=0.01, plot=tmp_path / "delay.png")
    assert figures["mean_delay_ms"] < figures["oracle_delay_ms"] + 10
    assert figures["concealed_ratio"] < figures["true_loss_ratio"] + 0.01
    assert figures["mean_delay_ms"] < figures["neteq_rule"]["mean_delay_ms"]
    assert figures["accounting_error"] == figures["neteq_rule"]["accounting_error"] == [0, 0]
    assert (tmp_path / "delay.png").read_bytes().startswith(b"\x89PNG")


def test_a_player_on_an_even_line_has_the_delay_it_is_told() -> None:
    options = {"target_least_s": 0.05, "target_most_s": 0.05}
    played = jitter_play.play(even(200, {}), "l16", 1, **options)
    delays = np.array(played.delay_ms)
    assert set(delays[~np.isnan(delays)]) == {50.0}
    assert set(played.target_ms) == {50.0}


def test_lost_packets_are_as_many_as_asked_and_come_in_bursts() -> None:
    single, bursts = (jitter_speech.lost_packets(50_000, 0.1, bursty, 1) for bursty in (False, True))
    assert single.mean() == pytest.approx(0.1, abs=0.01)
    assert bursts.mean() == pytest.approx(0.1, abs=0.01)
    begins = np.count_nonzero(np.diff(bursts.astype(int)) == 1)
    assert np.count_nonzero(bursts) / begins == pytest.approx(jitter_speech.BURST, abs=0.3)


def test_what_is_judged_is_the_speech_with_its_lost_packets_replaced() -> None:
    rng = np.random.default_rng(2)
    sound = rng.integers(-3000, 3000, 320 * 60).astype(np.int16)
    lost = jitter_speech.lost_packets(60, 0.2, False, 3)
    lost[-1] = False
    assert lost.any()
    kept = np.flatnonzero(~lost & ~np.roll(lost, 1))  # neither lost nor cross-faded
    for name, method in jitter_speech.METHODS.items():
        out = method(sound, lost)
        assert len(out) == len(sound), name
        for k in kept:
            assert np.array_equal(out[320 * k : 320 * k + 320], sound[320 * k : 320 * k + 320]), name


def test_real_traces(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared_data / "traces"
    dump, clean = folder / "stereo_pcmu_jitter.rtp", folder / "stereo_pcmu.rtp"
    assert run(["jitter", "--trace", str(dump), "--channels", "2", "--clean", str(clean), "--json"]) == 0
    out = capsys.readouterr()
    figures = json.loads(out.out.splitlines()[-1])
    assert "guessed" in out.err
    assert figures["never_used_ratio"] == figures["clean_differing_samples"] == 0
    assert figures["clean_compared_samples"] > 600_000
    timing = traces.read(folder / "webrtc_stereo_pcmu_jitter.csv.gz", None, silent)
    same = traces.read(dump, None, silent)
    assert np.array_equal(timing.relative_ms(), same.relative_ms())
    assert timing.clock == 8000
    assert traces.read(folder / "kakaotalk_clean.csv.gz", None, silent).clock == 16000


def test_what_is_no_trace_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    short = tmp_path / "short.csv.gz"
    short.write_bytes(gzip.compress(b"arrival_ms,seq,rtp_ts,marker,bytes\n0,0,0,0,0\n"))
    other = tmp_path / "other.rtp"
    other.write_bytes(b"nothing")
    cut = tmp_path / "cut.rtp"
    packet = RtpPacket(0, 0, 0, 0, bytes(20)).build()
    head = b"#!rtpplay1.0 0.0.0.0/0\n" + bytes(16)
    cut.write_bytes(head + struct.pack(">HHI", len(packet) + 8, len(packet), 0) + packet[:-5])
    for path, said in ((wrong, "columns"), (short, "1 packets"), (other, "rtpplay"), (cut, "beyond the end")):
        with pytest.raises(BadTrace, match=said):
            traces.read(path, None, silent)
    assert run(["jitter", "--trace", str(tmp_path / "none.csv")]) == 2
    assert run(["jitter", "--link", "nonsense"]) == 2
    assert "gilbert" in capsys.readouterr().err


def test_what_people_get_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Lists of plain figures, too, and limits that cannot be are said to be wrong."""
    assert run(["jitter", "--link", "gaussian", "--mode", "play"]) == 0
    assert capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(["echo", "--seconds", "-3"])
    assert "must be a number above 0, not -3" in capsys.readouterr().err
