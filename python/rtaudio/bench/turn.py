"""``rtaudio-bench turn``: how soon a turn ends where it ends, and how often it is cut where it goes on.

Of phrases (turn_scenes.py) every profile and every peer's rule, over the same sound, VAD and model answers:

    short_delay_ms_*    from the end of the SHORT phrase's speech to the decision, at -60 dBFS
    cutoff_pct          of LONG twins, those whose turn was ended in the pause: {noise: {pause: percent}}
    c5                  the mean of the five pauses

The profiles have no parameter that is chosen here: they are tried as they are shipped. `leave_one_phrase_out` chooses
the default's bias (how sure it must be) on all phrases but one, and tries that one, in turn; `at_equal_delay` moves the
bias until the mean delay is a peer's, and compares C5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from rtaudio.bench.turn_run import ANSWER_MS, RATE, RULES, Bench, Heard, Policy, percentile
from rtaudio.bench.turn_scenes import PAUSES_MS, BadData, Pair, Scene, pairs, phone_call, read_speech

__all__ = ["BadData", "measure"]

Progress = Callable[[str], None]
PROFILES: Final = ("default", "patient", "quick")
NOISES: Final = (-60, -45)
BIASES: Final = (-3.0, -2.0, -1.5, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
_TURN_EVERY_S: Final = 12.0


def measure(
    phrases: Path,
    audio: Path,
    *,
    speech: Path | None = None,
    phone: Path | None = None,
    plot: Path | None = None,
    progress: Progress,
) -> dict[str, Any]:
    """Figures, as the module says. `speech`: a folder of read speech with transcripts.tsv; `phone`: one with WAV and
    STM of a call; default: beside `audio`, if they are there. Raises BadData."""
    found = pairs(phrases, audio)
    bench = Bench()
    progress(f"{len(found)} pairs of phrases, {len({pair.voice for pair in found})} voices")
    results = {(noise, pair): _Outcome() for noise in NOISES for pair in found}
    policies: dict[str, Policy] = {name: {"profile": name} for name in PROFILES} | RULES
    curve = {f"bias {bias}": _biased(bias) for bias in BIASES}
    for done, ((noise, pair), outcome) in enumerate(results.items()):
        _try_pair(bench, pair, noise, policies | (curve if noise == NOISES[0] else {}), outcome)
        bench.forget()
        if done % 10 == 9 or done + 1 == len(results):
            progress(f"  {done + 1} of {len(results)}, the model ran {bench.model.figures()['model_runs']} times")
    quiet = {pair: results[NOISES[0], pair] for pair in found}
    table = {name: _summary(name, found, results) for name in policies}
    mean, c5 = _curve(quiet)
    figures: dict[str, Any] = {
        "profiles": {name: table[name] for name in PROFILES},
        "rules": {name: table[name] for name in RULES},
        "leave_one_phrase_out": _leave_one_out(quiet),
        "at_equal_delay": {name: _at_equal_delay(table[name], mean, c5) for name in RULES},
        "curve": [
            {"bias": bias, "short_delay_ms_mean": round(m, 1), "c5": round(c, 1)}
            for bias, m, c in zip(BIASES, mean, c5, strict=True)
        ],
        "answers_stamped_ms": ANSWER_MS,
    }
    silences = sum(outcome.silences for outcome in quiet.values()) / max(len(found), 1)
    figures |= _cost(bench, found[0], silences, progress)
    figures["read_speech"] = _read(bench, speech or audio.parent / "speech", speech is not None, progress)
    figures["phone_call"] = _phone(bench, phone or audio.parent / "vad" / "phone2spk", phone is not None, progress)
    if plot is not None:
        from rtaudio.bench.turn_plot import draw

        figures["plots"] = draw(plot, figures)
    return figures


class _Outcome:
    """Of one pair at one noise level, by policy: the SHORT phrase's delay, and which pauses cut the LONG one."""

    def __init__(self) -> None:
        self.delay_ms: dict[str, float] = {}
        self.early: dict[str, int] = {}
        self.cut: dict[str, list[bool]] = {}
        self.silences = 0


def _biased(bias: float) -> Policy:
    return {"profile": "default", "policy": {"bias": bias}}


def _try_pair(bench: Bench, pair: Pair, noise: int, policies: dict[str, Policy], outcome: _Outcome) -> None:
    short = pair.short_scene(noise)
    long = [pair.long_scene(noise, pause) for pause in PAUSES_MS]
    for name, policy in policies.items():
        heard = bench.run(short, "short", policy)
        if name == "default":
            outcome.silences = heard.silences
        outcome.delay_ms[name], outcome.early[name] = _delay(heard, short)
        outcome.cut[name] = [_was_cut(bench.run(scene, f"long {n}", policy), scene) for n, scene in enumerate(long)]


def _delay(heard: Heard, scene: Scene) -> tuple[float, int]:
    """Of the last end of a turn; one that never came counts as the whole of the silence. Ends before that: cuts."""
    at = heard.ended[-1] if heard.ended else len(scene.audio)
    return (at - scene.end) * 1000 / RATE, max(len(heard.ended) - 1, 0)


def _was_cut(heard: Heard, scene: Scene) -> bool:
    return any(at < (scene.resume or 0) for at in heard.ended)


def _summary(name: str, found: Sequence[Pair], results: dict[tuple[int, Pair], _Outcome]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for noise in NOISES:
        delays = [results[noise, pair].delay_ms[name] for pair in found]
        suffix = "" if noise == NOISES[0] else f"_at_{noise}"
        out[f"short_delay_ms_p50{suffix}"] = percentile(delays, 50)
        out[f"short_delay_ms_p90{suffix}"] = percentile(delays, 90)
        out[f"short_delay_ms_mean{suffix}"] = round(float(np.mean(delays)), 1)
    cut = {noise: np.array([results[noise, pair].cut[name] for pair in found]) for noise in NOISES}
    out["cutoff_pct"] = {
        str(noise): {
            str(pause): round(float(100 * share), 1) for pause, share in zip(PAUSES_MS, cut[noise].mean(0), strict=True)
        }
        for noise in NOISES
    }
    out["c5"] = {str(noise): round(float(100 * cut[noise].mean()), 1) for noise in NOISES}
    out["short_cut_early"] = sum(results[NOISES[0], pair].early[name] for pair in found)
    return out


def _curve(quiet: dict[Pair, _Outcome]) -> tuple[list[float], list[float]]:
    """Mean delay and C5 of the default profile by bias."""
    names = [f"bias {bias}" for bias in BIASES]
    mean = [float(np.mean([each.delay_ms[name] for each in quiet.values()])) for name in names]
    c5 = [float(100 * np.mean([each.cut[name] for each in quiet.values()])) for name in names]
    return mean, c5


def _leave_one_out(quiet: dict[Pair, _Outcome]) -> dict[str, Any]:
    """The bias with the least C5 whose p50 is at most 400 ms, else the least p50: chosen without the phrase it is
    tried on."""
    delays: list[float] = []
    cut: list[bool] = []
    chosen: dict[str, float] = {}
    for left in sorted({pair.phrase for pair in quiet}):
        rest = [each for pair, each in quiet.items() if pair.phrase != left] or list(quiet.values())

        def worth(bias: float, rest: list[_Outcome] = rest) -> tuple[float, float, float]:
            name = f"bias {bias}"
            own = [each.delay_ms[name] for each in rest]
            over = max(0.0, float(np.median(own)) - 400.0)
            return over, float(np.mean([each.cut[name] for each in rest])), float(np.mean(own))

        best = min(BIASES, key=worth)
        chosen[left] = best
        for pair, each in quiet.items():
            if pair.phrase == left:
                delays.append(each.delay_ms[f"bias {best}"])
                cut += each.cut[f"bias {best}"]
    return {
        "short_delay_ms_p50": percentile(delays, 50),
        "short_delay_ms_p90": percentile(delays, 90),
        "short_delay_ms_mean": round(float(np.mean(delays)), 1),
        "c5": round(float(100 * np.mean(cut)), 1),
        "chosen_bias": chosen,
    }


def _at_equal_delay(rule: dict[str, Any], mean: Sequence[float], c5: Sequence[float]) -> dict[str, float | None]:
    """C5 of the default at the rule's mean delay, between the two nearest points of the curve; None: out of it."""
    wanted = rule["short_delay_ms_mean"]
    order = np.argsort(mean)
    x, y = np.asarray(mean)[order], np.asarray(c5)[order]
    ours = round(float(np.interp(wanted, x, y)), 1) if x[0] <= wanted <= x[-1] else None
    theirs = rule["c5"][str(NOISES[0])]
    return {
        "mean_delay_ms": wanted,
        "c5_theirs": theirs,
        "c5_ours": ours,
        "points_under": None if ours is None else round(theirs - ours, 1),
    }


def _cost(bench: Bench, pair: Pair, silences: float, progress: Progress) -> dict[str, Any]:
    """The model's own time, apart from the sessions': one silence with all its questions, many times."""
    from time import thread_time  # of this thread alone: others on the machine do not show

    from rtaudio.core._features import prosody

    scene = pair.short_scene(NOISES[0])
    sound = np.ascontiguousarray(scene.audio[: scene.end + RATE // 10])
    whole, voice = [], []
    for n in range(15):
        started = thread_time()
        bench._bare(sound[n:])  # never the same sound: it would know its answer
        whole.append(thread_time() - started)
        started = thread_time()
        prosody(sound, RATE)
        voice.append(thread_time() - started)
    model_ms, prosody_ms = 1000 * float(np.median(whole)), 1000 * float(np.median(voice))
    per_silence = model_ms + 4 * prosody_ms
    progress(f"a silence costs {per_silence:.1f} ms of the model thread")
    return {
        "model_ms": round(model_ms, 2),
        "prosody_ms": round(prosody_ms, 3),
        "silences_per_turn": round(silences, 2),
        "turn_model_ms_per_session_second": round(per_silence * max(silences, 1.0) / _TURN_EVERY_S, 2),
    }


def _read(bench: Bench, folder: Path, wanted: bool, progress: Progress) -> dict[str, Any]:
    """Read sentences: natural pauses of at least 200 ms (as the VAD has them) that were cut, and the ends' delays. Each
    sentence alone, as the first of a call; and one after the other, in a call of one caller whose pauses become known
    (`in_one_call`)."""
    if not wanted and not (folder / "transcripts.tsv").is_file():
        return {"skipped": f"no {folder / 'transcripts.tsv'}; give --speech DIR"}
    sentences = read_speech(folder)
    progress(f"{len(sentences)} read sentences")
    alone = [(Scene(name, audio, end, None), [(0, len(audio))]) for name, audio, end in sentences]
    ends = np.cumsum([len(audio) for _, audio, _ in sentences]).tolist()
    whole = np.concatenate([audio for _, audio, _ in sentences])
    call = Scene("one call", whole, len(whole), None), list(pairwise([0, *ends]))
    return _reading(bench, alone) | {"in_one_call": _reading(bench, [call])}


Span = tuple[int, int]


def _reading(bench: Bench, scenes: Sequence[tuple[Scene, list[Span]]]) -> dict[str, Any]:
    """Of scenes, each with the spans of its sentences."""
    policies: dict[str, Policy] = {name: {"profile": name} for name in PROFILES} | RULES
    cut = dict.fromkeys(policies, 0)
    delays: dict[str, list[float]] = {name: [] for name in policies}
    pauses = 0
    for scene, spans in scenes:
        runs = _runs(bench, scene)
        said = [[run for run in runs if start <= run[0] < end] for start, end in spans]
        gaps = [_pauses(each) for each in said]
        pauses += sum(map(len, gaps))
        ends = [_speech_end(scene, each) for each in said]
        for policy, arguments in policies.items():
            ended = bench.run(scene, scene.name, arguments).ended
            for (start, end), within, spoken in zip(spans, gaps, ends, strict=True):
                cut[policy] += sum(any(fell <= at < again for at in ended) for fell, again in within)
                after = [at for at in ended if max(start, within[-1][1] if within else 0) < at < end]
                delays[policy].append(((after[-1] if after else end) - spoken) * 1000 / RATE)
        bench.forget()
    return {
        "sentences": sum(len(spans) for _, spans in scenes),
        "pauses": pauses,
        **{
            name: {
                "pauses_cut": cut[name],
                "pauses_cut_pct": round(100 * cut[name] / max(pauses, 1), 1),
                "end_delay_ms_p50": percentile(delays[name], 50),
                "end_delay_ms_p90": percentile(delays[name], 90),
            }
            for name in policies
        },
    }


def _runs(bench: Bench, scene: Scene) -> list[tuple[int, int]]:
    """Speech, as the VAD has it window by window: from above .5 until below .35, in samples."""
    runs: list[tuple[int, int]] = []
    began: int | None = None
    for number, p in enumerate(bench._speech(scene, scene.name)):
        if began is None and p > 0.5:
            began = number
        elif began is not None and p < 0.35:
            if number - began >= 2:
                runs.append((began * 512, number * 512))
            began = None
    return runs


def _pauses(runs: Sequence[Span]) -> list[Span]:
    return [(a[1], b[0]) for a, b in pairwise(runs) if b[0] - a[1] >= RATE // 5]


def _speech_end(scene: Scene, runs: Sequence[Span]) -> int:
    """The energy end of the last speech: recordings carry silence of their own behind it."""
    from rtaudio.core._features import prosody

    fell = runs[-1][1] if runs else scene.end
    first = max(0, fell - 7 * RATE)
    return first + prosody(np.ascontiguousarray(scene.audio[first : fell + RATE // 10]), RATE)["energy_end"]


def _phone(bench: Bench, folder: Path, wanted: bool, progress: Progress) -> dict[str, Any]:
    """A telephone call, each speaker alone: turns that ended before the next began, that were cut, that merged."""
    wavs = sorted(folder.glob("*.wav")) if folder.is_dir() else []
    if not wavs:
        if wanted:
            raise BadData(f"{folder}: no WAV")
        return {"skipped": f"no WAV in {folder}; give --phone DIR"}
    out: dict[str, Any] = {"turns": 0, **{name: {"found": 0, "cut": 0, "merged": 0} for name in (*PROFILES, *RULES)}}
    for wav in wavs:
        for call in phone_call(wav, wav.with_suffix(".stm")):
            out["turns"] += len(call.turns)
            scene = Scene(call.speaker, call.audio, len(call.audio), None)
            for name, policy in ({name: {"profile": name} for name in PROFILES} | RULES).items():
                ended = bench.run(scene, f"{wav.stem} {call.speaker}", policy).ended
                for number, (start, end) in enumerate(call.turns):
                    following = call.turns[number + 1][0] if number + 1 < len(call.turns) else len(call.audio)
                    at_end = any(end - RATE // 10 <= at < following for at in ended)
                    out[name]["found"] += at_end
                    out[name]["merged"] += not at_end
                    out[name]["cut"] += any(start < at < end - RATE // 10 for at in ended)
            bench.forget()
    progress(f"{out['turns']} turns on the telephone")
    return out
