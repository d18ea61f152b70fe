"""``rtaudio-bench vad``: what a window costs, how far it is from onnxruntime, and how good the decisions are."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtaudio.bench import vad_drift, vad_onset, vad_plots
from rtaudio.bench.labels import Labelled, labelled_files, overlap
from rtaudio.bench.vad import Reference, differences, read_wav, speed
from rtaudio.bench.vad_material import read_material
from rtaudio.bench.vad_quality import Heard, score
from rtaudio.core.vad import SileroVad, SpeechStarted, Vad

COLLAR_S = 0.2


def hear(vad: SileroVad, labelled: Labelled) -> Heard:
    """Probabilities and decisions of one recording."""
    samples = read_wav(labelled.wav, vad.rate)
    length_s = len(samples) / vad.rate
    events = Vad(vad).process(samples)
    return Heard(
        labelled.speech,
        overlap(labelled.scored if labelled.scored is not None else [(0.0, length_s)], [(0.0, length_s)]),
        vad.stream().process(samples),
        vad.window_samples / vad.rate,
        [event.decided_at / vad.rate for event in events if isinstance(event, SpeechStarted)],
        [event.decided_at / vad.rate for event in events if not isinstance(event, SpeechStarted)],
    )


def quality(vad: SileroVad, files: list[Labelled]) -> dict[str, Any]:
    """The figures of `vad_quality`, and those with a collar of 200 ms with ``_collar`` after their names."""
    heard = [hear(vad, file) for file in files]
    return score(heard) | {f"{name}_collar": value for name, value in score(heard, COLLAR_S).items()}


def measure(audio: Path, rttm: Path, uem: Path | None, progress: Callable[[str], None]) -> dict[str, Any]:
    """All figures of the command. Raises ValueError (`LabelError` is one) for labels and sound that cannot be used."""
    files = labelled_files(audio, rttm, uem)
    vad = SileroVad()
    progress(f"vad: {len(files)} labelled files")
    figures = quality(vad, files)
    progress("vad: onnxruntime beside it, window by window")
    reference = Reference(vad)
    worst = [max(differences(vad, reference, read_wav(file.wav, vad.rate)), default=0.0) for file in files]
    progress("vad: speed")
    return {
        "instruction_set": vad.model.instruction_set,
        "files": len(files),
        **speed(),
        "max_abs_dp_vs_ort": max(worst),
        **figures,
    }


def run(options: Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    """What the command's options ask for. Raises ValueError for what does not fit together or cannot be used."""
    if options.audio is None:
        raise ValueError("give --audio DIR, a folder with recordings, and --labels FILE.rttm, or ask for a study")
    if not options.audio.is_dir():
        raise ValueError(f"--audio {options.audio}: no such folder")
    study = options.drift is not None or options.onset
    if options.labels is None and not (study or options.plot):
        raise ValueError("give --audio DIR and --labels FILE.rttm, or ask for --drift, --onset or --plot")
    if options.drift is not None and not 0 < options.drift < 1000:
        raise ValueError(f"--drift {options.drift}: a number of hours is wanted")
    figures: dict[str, Any] = {}
    if options.labels is not None:
        figures |= measure(options.audio, options.labels, options.uem, progress)
    material = read_material(options.audio) if study or options.plot else None
    if material is not None and options.onset:
        figures |= vad_onset.measure(material, progress)
    if material is not None and options.drift is not None:
        figures |= vad_drift.measure(material, options.drift, progress)
    if material is not None and options.plot:
        options.plot.mkdir(parents=True, exist_ok=True)
        name, samples = material.speech[0]
        vad_plots.probabilities(samples[: 6 * 16000], Path(name).name, options.plot / "vad-probability.png")
        if options.onset:
            vad_plots.onset_curve(figures["onset_rules"], figures["onset_chosen"], options.plot / "vad-onset.png")
        if options.drift is not None:
            vad_plots.drift(figures, options.plot / "vad-drift.png")
    return figures
