"""Scenes through the real detector, with the real VAD and model; and peers' rules over the same events.

Answers of the model are stamped 50 ms after the question (`ANSWER_MS`), whatever this machine takes for them, and are
kept: the same sound is never given to the model twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio import Detector, DetectorConfig, SileroVad, TurnConfig
from rtaudio.bench.turn_scenes import Scene
from rtaudio.core.turn_model import TurnModel
from rtaudio.core.turns import TurnEvidence

__all__ = ["ANSWER_MS", "RULES", "Bench", "Heard", "Policy"]

Floats = NDArray[np.float32]
RATE: Final = 16000
WINDOW: Final = 512
ANSWER_MS: Final = 50
ANSWER: Final = ANSWER_MS * RATE // 1000
_LEAD: Final = RATE // 2  # of evidence, before the turn
_MODEL_LEAD: Final = RATE // 5  # of peers' model, before the turn

Policy = dict[str, Any]
"""Arguments of TurnConfig, or {"rule": name}."""

RULES: Final[dict[str, Policy]] = {
    # 0.6 s of silence, whatever was said
    "fixed_600": {"ask_after_s": (), "silence_s": 0.6},
    # asked once when the VAD stops; above .5 the turn ends, else after 3 s of silence
    "pipecat": {"rule": "pipecat"},
    # 0.3 s of silence where the model gives the threshold, else 2.5 s
    "livekit": {"rule": "livekit", "threshold": 0.5},
    "livekit_90": {"rule": "livekit", "threshold": 0.9},
}


@dataclass(frozen=True, slots=True)
class Heard:
    """Where turns ended (`decided`, samples), and silences: (speech fell, decided, next speech began or None)."""

    ended: list[int]
    reasons: list[str]
    silences: int


class Bench:
    """The model and all its answers, of one run."""

    def __init__(self, model: TurnModel | None = None) -> None:
        self.model = model if model is not None else TurnModel()
        self._vad = SileroVad()
        self._probabilities: dict[str, Floats] = {}
        self._answers: dict[tuple[str, int, int], TurnEvidence] = {}
        self._said: dict[bytes, float] = {}
        self._bare = self.model._network.probability
        self.model._network.probability = self._kept  # type: ignore[method-assign]

    def _kept(self, samples: Floats) -> float:
        key = hashlib.sha1(samples.tobytes(), usedforsecurity=False).digest()
        if key not in self._said:
            self._said[key] = self._bare(samples)
        return self._said[key]

    def forget(self) -> None:
        """The probabilities of speech and the evidence; the model's own answers stay."""
        self._probabilities.clear()
        self._answers.clear()

    def run(self, scene: Scene, key: str, policy: Policy) -> Heard:
        """`key`: names the sound up to where it goes on: scenes that differ only behind that share answers."""
        if "rule" in policy:
            return self._rule(scene, key, policy)
        return self._machine(scene, key, TurnConfig(**policy))

    def _speech(self, scene: Scene, key: str) -> Floats:
        name = f"{key} {len(scene.audio)}"
        found = self._probabilities.get(name)
        if found is None:
            found = self._probabilities[name] = self._vad.stream().process(scene.audio)
        return found

    def _evidence(self, scene: Scene, key: str, began: int, asked: int) -> TurnEvidence:
        name = (key, began, asked)
        found = self._answers.get(name) if scene.resume is None or asked <= scene.resume else None
        if found is None:
            first = max(0, began - _LEAD)
            found = self.model.evidence(np.ascontiguousarray(scene.audio[first:asked]), speech_start=began - first)
            if scene.resume is None or asked <= scene.resume:
                self._answers[name] = found
        return found

    def _machine(self, scene: Scene, key: str, config: TurnConfig) -> Heard:
        detector = Detector(DetectorConfig(turn=config, barge_in=False))
        ended: list[int] = []
        reasons: list[str] = []
        waiting: list[tuple[int, int, int, int]] = []  # at, question, began, asked
        silences = 0
        for number, probability in enumerate(self._speech(scene, key)):
            end = (number + 1) * WINDOW
            told = []
            while waiting and waiting[0][0] < end:
                at, question, began, asked = waiting.pop(0)
                told += detector.evidence(question, self._evidence(scene, key, began, asked), at=at)
            told += detector.step(float(probability), end)[1]
            for event in told:
                if event.kind == "turn_asked":
                    silences += event.c == 0
                    waiting.append((event.decided + ANSWER, event.a, event.b, event.decided))
                elif event.kind == "turn_ended":
                    ended.append(event.decided)
                    reasons.append(f"{event.value:.2f}")
        return Heard(ended, reasons, silences)

    def _rule(self, scene: Scene, key: str, policy: Policy) -> Heard:
        detector = Detector(DetectorConfig(turn=TurnConfig(ask_after_s=(), silence_s=60.0), barge_in=False))
        speech = self._speech(scene, key)
        events = [e for n, p in enumerate(speech) for e in detector.step(float(p), (n + 1) * WINDOW)[1]]
        ended: list[int] = []
        began = 0
        starts = [(e.mic, e.decided) for e in events if e.kind == "speech_started"]
        for event in events:
            if event.kind != "speech_ended":
                continue
            if not ended or began <= ended[-1]:
                began = next(mic for mic, decided in starts if not ended or decided > ended[-1])
            first = max(0, began - _MODEL_LEAD)
            p = self._kept(np.ascontiguousarray(scene.audio[first : event.decided]))
            if policy["rule"] == "pipecat":
                at = event.decided + ANSWER if p > 0.5 else event.mic + 3 * RATE
            else:
                silence_s = 0.3 if p >= policy["threshold"] else 2.5
                at = max(event.decided + ANSWER, event.mic + round(silence_s * RATE))
            again = next((decided for _, decided in starts if decided > event.decided), None)
            if again is None or at < again:
                ended.append(at)
        return Heard(ended, [], 0)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` percent lie."""
    return round(float(np.percentile(np.asarray(values), share)), 1) if values else float("nan")
