"""``rtaudio-bench vad``: what a window costs, how far it is from onnxruntime, and how good the decisions are."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtaudio.bench.labels import Labelled, labelled_files, overlap
from rtaudio.bench.vad import Reference, differences, read_wav, speed
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
    if options.audio is None or options.labels is None:
        raise ValueError("give --audio DIR and --labels FILE.rttm")
    return measure(options.audio, options.labels, options.uem, progress)
