"""The quality figures of ``rtaudio-bench vad``: what they are by definition, on labels and decisions made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.bench.command import run
from rtaudio.bench.labels import (
    LabelError,
    labelled_files,
    overlap,
    read_rttm,
    read_uem,
    total,
    union,
    without,
)
from rtaudio.bench.vad_quality import Heard, average_precision, f1, inside, roc_auc, score

Pairs = list[tuple[float, float]]
PAIRS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)).map(lambda p: (p[0], p[0] + p[1])), max_size=8)


def heard(
    speech: Pairs,
    starts: list[float],
    ends: list[float] | None = None,
    scored: Pairs | None = None,
    probabilities: list[float] | None = None,
) -> Heard:
    return Heard(
        speech, scored or [(0.0, 10.0)], np.array(probabilities or [0.0] * 10, np.float32), 1.0, starts, ends or []
    )


@settings(max_examples=200)
@given(a=PAIRS, b=PAIRS)
def test_intervals_are_sets_of_times(a: Pairs, b: Pairs) -> None:
    times = np.arange(0, 60) + 0.5
    in_a = np.array([any(start <= t < end for start, end in a) for t in times])
    in_b = np.array([any(start <= t < end for start, end in b) for t in times])
    np.testing.assert_array_equal(inside(times, union(a)), in_a)
    np.testing.assert_array_equal(inside(times, overlap(a, b)), in_a & in_b)
    np.testing.assert_array_equal(inside(times, without(a, b)), in_a & ~in_b)
    assert total(union(a)) == in_a.sum()


@settings(max_examples=100)
@given(data=st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7]), st.booleans()), min_size=2, max_size=40))
def test_areas_under_curves_are_their_definitions(data: list[tuple[float, bool]]) -> None:
    scores, truth = np.array([p for p, _ in data]), np.array([t for _, t in data])
    positive, negative = scores[truth], scores[~truth]
    if len(positive) and len(negative):
        pairs = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
        assert roc_auc(scores, truth) == pytest.approx(pairs)
    else:
        assert roc_auc(scores, truth) is None
    if len(positive):
        area, recall_before = 0.0, 0.0
        for threshold in sorted(set(scores), reverse=True):
            above = scores >= threshold
            recall = truth[above].sum() / truth.sum()
            area += (recall - recall_before) * truth[above].mean()
            recall_before = recall
        assert average_precision(scores, truth) == pytest.approx(area)
    else:
        assert average_precision(scores, truth) is None


def test_f1() -> None:
    truth = np.array([True, True, True, False])
    assert f1(np.array([True, False, False, True]), truth) == pytest.approx(2 / 5)
    assert f1(np.zeros(2, bool), np.zeros(2, bool)) is None


def test_an_onset_matches_the_first_start_from_200_ms_before_its_label_to_its_end() -> None:
    figures = score([heard([(2, 3), (5, 6), (8, 9)], starts=[1.85, 2.5, 6.1, 8.2])])
    assert (figures["onsets"], figures["unmatched_onsets"]) == (3, 1)
    assert figures["onset_ms_p50"] == pytest.approx((-150 + 200) / 2)
    assert figures["false_starts"] == 1  # at 6.1
    assert figures["false_starts_per_min"] == pytest.approx(60 / 7)


def test_an_offset_matches_the_first_end_up_to_the_next_label() -> None:
    figures = score([heard([(2, 3), (5, 6), (8, 9)], starts=[], ends=[3.4, 8.5, 9.9])])
    assert (figures["offsets"], figures["unmatched_offsets"]) == (3, 1)
    assert figures["offset_ms_p90"] == pytest.approx(400 + 0.9 * 500)


def test_edges_that_the_scored_part_cuts_are_no_onsets() -> None:
    figures = score([heard([(0, 2), (4, 6)], starts=[1.2, 4.1], scored=[(1.0, 5.0)])])
    assert (figures["onsets"], figures["offsets"], figures["false_starts"]) == (1, 1, 0)
    assert figures["non_speech_s"] == pytest.approx(2)


def test_windows_are_judged_at_their_centres_within_what_is_scored() -> None:
    probabilities = [0.1, 0.2, 0.9, 0.4, 0.9, 0.9]  # centres at 0.5, 1.5, ...
    figures = score([heard([(2.4, 3.6)], [], scored=[(0, 4)], probabilities=probabilities)])
    assert figures["roc_auc"] == 1.0
    assert figures["f1_at_default"] == pytest.approx(2 / 3)


def test_a_collar_closes_short_gaps_and_forgives_what_is_near_an_edge() -> None:
    file = heard([(2, 3), (3.3, 5), (7, 7.3)], starts=[2.1, 5.15, 8.0])
    plain, collar = score([file]), score([file], 0.2)
    assert (plain["onsets"], collar["onsets"]) == (3, 1)
    assert (plain["unmatched_onsets"], collar["unmatched_onsets"]) == (2, 0)
    assert (plain["false_starts"], collar["false_starts"]) == (2, 1)
    silence = 2 + 0.3 + 2 + 2.7
    assert plain["non_speech_s"] == pytest.approx(silence)
    assert collar["non_speech_s"] == pytest.approx(silence - 0.2 - 0.3 - 0.4 - 0.2)


def test_files_are_pooled_and_figures_that_cannot_be_are_none() -> None:
    figures = score([heard([(2, 3)], [2.1]), heard([(4, 5)], [4.3])])
    assert figures["onset_ms_p50"] == pytest.approx(200)
    nothing = score([heard([], [])])
    assert nothing["roc_auc"] is None
    assert nothing["onset_ms_p50"] is None
    assert nothing["false_starts_per_min"] == 0


RTTM = "SPEAKER a 1 1.0 0.5 <NA> <NA> anna <NA> <NA>\n"


def test_label_files_are_read_with_comments_and_the_union_of_speakers(tmp_path: Path) -> None:
    (tmp_path / "x.rttm").write_text(
        f";; made by hand\n\n{RTTM}SPEAKER a 1 1.2 0.8 <NA> <NA> ben <NA> <NA> ;; overlaps\n"
        "SPKR-INFO a 1 <NA> <NA> <NA> adult_female anna <NA> <NA>\nSPEAKER b 1 0 1 <NA> <NA> ben <NA>\n"
    )
    assert read_rttm(tmp_path / "x.rttm") == {"a": [(1.0, 2.0)], "b": [(0.0, 1.0)]}
    (tmp_path / "x.uem").write_text("a NA 0 10\na NA 10 12\nb 1 3.5 4\n")
    assert read_uem(tmp_path / "x.uem") == {"a": [(0, 12)], "b": [(3.5, 4)]}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("SPEAKER a 1 1.0 0.5", "5 fields"),
        ("SPEECHES a 1 1.0 0.5 <NA> <NA> anna <NA> <NA>", "'SPEECHES' is no RTTM type"),
        ("SPEAKER a 1 soon 0.5 <NA> <NA> anna <NA> <NA>", "the onset is 'soon'"),
        ("SPEAKER a 1 1.0 -2 <NA> <NA> anna <NA> <NA>", "the duration is -2"),
        ("SPEAKER a 1 1.0 0 <NA> <NA> anna <NA> <NA>", "the duration is 0"),
        ("SPEAKER a 1 nan 1 <NA> <NA> anna <NA> <NA>", "the onset is nan"),
    ],
)
def test_a_bad_rttm_line_is_named_by_its_number(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "x.rttm"
    path.write_text(RTTM + "\n" + line + "\n")
    with pytest.raises(LabelError, match=rf"x\.rttm:3: .*{says}"):
        read_rttm(path)


@pytest.mark.parametrize(
    ("line", "says"), [("a NA 1", "3 fields"), ("a NA 5 5", "not after"), ("a NA x 5", "the start is 'x'")]
)
def test_a_bad_uem_line_is_named_by_its_number(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "x.uem"
    path.write_text(f"a NA 0 1\n{line}\n")
    with pytest.raises(LabelError, match=rf"x\.uem:2: .*{says}"):
        read_uem(path)


def test_empty_missing_and_binary_label_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(";; nothing\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for read in (read_rttm, read_uem):
        with pytest.raises(LabelError, match="holds no"):
            read(tmp_path / "empty")
        with pytest.raises(LabelError, match="cannot be read"):
            read(tmp_path / "nowhere")
        with pytest.raises(LabelError, match="UTF-8"):
            read(tmp_path / "binary")


def test_labels_without_a_recording_are_an_error_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rttm = tmp_path / "x.rttm"
    rttm.write_text(RTTM)
    assert run(["vad", "--audio", str(tmp_path), "--labels", str(rttm)]) == 2
    assert "labels 'a', but there is no a.wav" in capsys.readouterr().err
    (tmp_path / "a.wav").touch()
    uem = tmp_path / "x.uem"
    uem.write_text("a NA 0 1\nb NA 0 1\n")
    with pytest.raises(LabelError, match="labels 'b'"):
        labelled_files(tmp_path, rttm, uem)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.WAV").touch()
    with pytest.raises(LabelError, match="may be"):
        labelled_files(tmp_path, rttm, None)


def test_a_uem_says_what_is_scored(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.wav").touch()
    (tmp_path / "x.rttm").write_text(RTTM + RTTM.replace(" a ", " b "))
    (tmp_path / "x.uem").write_text("a NA 0 5\nc NA 0 5\n")
    files = labelled_files(tmp_path, tmp_path / "x.rttm", tmp_path / "x.uem")
    assert [(file.wav.name, file.speech, file.scored) for file in files] == [
        ("a.wav", [(1.0, 1.5)], [(0, 5)]),
        ("c.wav", [], [(0, 5)]),
    ]


def test_the_command_measures_stereo_at_any_rate(
    tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same call, as it is and as 44.1 kHz stereo: the same figures but for the resampling's last bits."""
    soundfile = pytest.importorskip("soundfile")
    soxr = pytest.importorskip("soxr")
    source = shared_data / "vad/phone2spk"
    samples, rate = soundfile.read(source / "sample.wav", dtype="float32", always_2d=True)
    wide = soxr.resample(samples[:, 0], rate, 44100, quality="VHQ")
    soundfile.write(tmp_path / "sample.wav", np.stack([wide, wide], axis=1), 44100, subtype="FLOAT")
    found = []
    for folder in (source, tmp_path):
        assert run(["vad", "--audio", str(folder), "--labels", str(source / "sample.rttm"), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    for figures in found:
        assert figures["files"] == 1
        assert figures["max_abs_dp_vs_ort"] <= 1e-5
        assert 0.9 < figures["roc_auc"] <= figures["roc_auc_collar"] <= 1
        assert figures["us_per_window_b1_cold"] > 0
    assert found[0]["roc_auc"] == pytest.approx(found[1]["roc_auc"], abs=0.01)


def test_the_command_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vad"]) == 2
    assert "--audio DIR" in capsys.readouterr().err
    assert run(["vad", "--audio", str(tmp_path)]) == 2
    assert "--labels FILE.rttm, or ask for --drift" in capsys.readouterr().err
    (tmp_path / "a.wav").write_bytes(b"no sound")
    (tmp_path / "x.rttm").write_text(RTTM)
    assert run(["vad", "--audio", str(tmp_path), "--labels", str(tmp_path / "x.rttm")]) == 2
    assert "a.wav: cannot be read as a sound file" in capsys.readouterr().err
