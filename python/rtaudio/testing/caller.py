"""A caller who follows a script: clips of audio or texts for a voice, and when each is spoken.

    caller = SimulatedCaller(24000, tts=HibariTTS())
    caller.say("question.wav", at_s=0.5)
    stop = await caller.speak("Wait, what about Sunday?", after_agent_words=4)   # barges in
    caller.say(thanks, after_agent_stops_s=0.8, gain_db=-20)                     # quietly
    caller.noise("street.wav", snr_db=10)

Cues happen in their order, never two at once. What the agent does and says counts from the end of the clip before, so
that a cue never answers to what the agent did earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rtaudio.testing.caller_sound import Noise, loaded, read_wav, spoken_by
from rtaudio.testing.cues import AfterOwn, AfterPhrase, AfterStart, AfterStop, AfterWords, AgentSeen, At, When, words_of
from rtaudio.voice.protocols import TTS, Audio, Word


@dataclass(eq=False, slots=True)
class Remark:
    """Something that the caller is to say. `clip`: float32 at the caller's rate; `text`: what it says, if that is
    known; `words`: where they begin in it, as far as its voice says. `begin`: the sample of the call at which it began;
    None: it has not yet."""

    clip: Audio
    when: When
    text: str = ""
    words: tuple[Word, ...] = ()
    begin: int | None = None

    @property
    def end(self) -> int | None:
        return self.begin + len(self.clip) if self.begin is not None else None

    def __str__(self) -> str:
        return f"“{self.text}”" if self.text else "a clip"


class SimulatedCaller:
    """Source of a simulated line at `rate`. `tts`: the voice for `speak`, as any agent's: a real one, where an STT and
    a VAD are to understand it. `remarks`: all there are, in order; `spoken` tells, per clip said, from which to which
    sample it was."""

    def __init__(self, rate: int = 24000, *, tts: TTS | None = None) -> None:
        self.rate = rate
        self.position = 0
        self.spoken: list[tuple[int, int]] = []
        self.remarks: list[Remark] = []
        self._tts = tts
        self._said = 0  # remarks
        self._clip: Audio | None = None
        self._offset = 0
        self._free_at = 0  # end of the clip before
        self._agent = AgentSeen()
        self._noise: Noise | None = None
        self._noise_wanted: tuple[Audio, float] | None = None

    def say(
        self,
        clip: Audio | str | Path,
        *,
        at_s: float | None = None,
        after_s: float | None = None,
        after_agent_starts_s: float | None = None,
        after_agent_stops_s: float | None = None,
        after_agent_words: int | None = None,
        after_agent_says: str | None = None,
        delay_s: float = 0.0,
        gain_db: float = 0.0,
        text: str = "",
    ) -> Remark:
        """`clip`: float32 samples at `rate`, or a 16-bit WAV file at any rate (resampled).

        Give one of the times: `at_s` of the call; `after_s`, of silence since the clip before; so long after the agent
        starts, or stops, speaking; after it was heard to say so many words, or just those words (capitals and marks
        aside), and `delay_s` more. One that has passed means at once. `gain_db`: louder or quieter. `text`: what the
        clip says, for those who read of it. ValueError for anything else."""
        when = _when(at_s, after_s, after_agent_starts_s, after_agent_stops_s, after_agent_words, after_agent_says)
        if delay_s:
            if not isinstance(when, AfterWords | AfterPhrase):
                raise ValueError("delay_s goes with after_agent_words and after_agent_says")
            when = replace(when, s=delay_s)
        return self._add(loaded(clip, self.rate), gain_db, when, text)

    async def speak(
        self,
        text: str,
        *,
        at_s: float | None = None,
        after_s: float | None = None,
        after_agent_starts_s: float | None = None,
        after_agent_stops_s: float | None = None,
        after_agent_words: int | None = None,
        after_agent_says: str | None = None,
        delay_s: float = 0.0,
        gain_db: float = 0.0,
        tts: TTS | None = None,
    ) -> Remark:
        """Has the caller's voice (`tts`: another one for this) say `text`; the rest as for `say`. The speech is made at
        once: best before the call, since a voice that takes time takes it of the call. ValueError without a voice."""
        voice = tts if tts is not None else self._tts
        if voice is None:
            raise ValueError("speak: the caller has no voice; give SimulatedCaller(tts=...)")
        samples, words = await spoken_by(voice, text, self.rate)
        remark = self.say(
            samples,
            at_s=at_s,
            after_s=after_s,
            after_agent_starts_s=after_agent_starts_s,
            after_agent_stops_s=after_agent_stops_s,
            after_agent_words=after_agent_words,
            after_agent_says=after_agent_says,
            delay_s=delay_s,
            gain_db=gain_db,
            text=text,
        )
        remark.words = words
        return remark

    def noise(self, noise: Audio | str | Path, *, snr_db: float) -> None:
        """Mixes that (float32 at `rate`, or a WAV file) under the whole call, over and over: its mean power is `snr_db`
        below that of the speech there is to say when the call begins (its frames within 30 dB of the loudest)."""
        self._noise_wanted = (loaded(noise, self.rate), snr_db)

    def _add(self, samples: Audio, gain_db: float, when: When, text: str) -> Remark:
        clip = samples if gain_db == 0 else (samples * 10 ** (gain_db / 20)).astype(np.float32)
        remark = Remark(clip, when, text)
        self.remarks.append(remark)
        return remark

    @property
    def done(self) -> bool:
        """Everything has been said."""
        return self._clip is None and self._said == len(self.remarks)

    def agent_speaks(self, speaks: bool) -> None:
        """Told after every tick."""
        self._agent.speaking(speaks, self.position)

    def agent_said(self, words: Sequence[str]) -> None:
        """Told after every tick: words of the agent that were heard to their end since the last."""
        self._agent.words += [(self.position, word) for word in words]

    def read(self, count: int) -> Audio:
        out = np.zeros(count, dtype=np.float32)
        filled = 0
        while filled < count:
            if self._clip is None:
                begin = self._begin_of_next()
                if begin is None or begin >= self.position + count:
                    break
                filled = max(filled, begin - self.position)
                remark = self.remarks[self._said]
                self._said += 1
                self._clip, self._offset, remark.begin = remark.clip, 0, self.position + filled
                self.spoken.append((remark.begin, remark.begin + len(remark.clip)))
            part = self._clip[self._offset : self._offset + count - filled]
            out[filled : filled + len(part)] = part
            filled += len(part)
            self._offset += len(part)
            if self._offset == len(self._clip):
                self._clip, self._free_at = None, self.position + filled
        out = self._with_noise(out)
        self.position += count
        return out

    def _with_noise(self, out: Audio) -> Audio:
        if self._noise is None and self._noise_wanted is not None:
            self._noise = Noise(*self._noise_wanted, [remark.clip for remark in self.remarks], self.rate)
        return out if self._noise is None else out + self._noise.at(self.position, len(out))

    def _begin_of_next(self) -> int | None:
        """Where the next clip begins, if that is known yet; a place that has passed means at once."""
        if self._said == len(self.remarks):
            return None
        return self.remarks[self._said].when.begin(self._agent, self._free_at, self.rate)


def _when(
    at_s: float | None,
    own_s: float | None,
    starts_s: float | None,
    stops_s: float | None,
    words: int | None,
    phrase: str | None,
) -> When:
    given: list[When] = []
    given += [At(at_s)] if at_s is not None else []
    given += [AfterOwn(own_s)] if own_s is not None else []
    given += [AfterStart(starts_s)] if starts_s is not None else []
    given += [AfterStop(stops_s)] if stops_s is not None else []
    if words is not None:
        if words < 1:
            raise ValueError(f"after_agent_words={words}: at least one")
        given.append(AfterWords(words, 0.0))
    if phrase is not None:
        if not (wanted := tuple(words_of(phrase))):
            raise ValueError(f"after_agent_says={phrase!r}: there is no word in it")
        given.append(AfterPhrase(wanted, 0.0))
    if len(given) != 1:
        raise ValueError(
            "say when: exactly one of at_s, after_s, after_agent_starts_s, after_agent_stops_s, after_agent_words, "
            "after_agent_says"
        )
    return given[0]


__all__ = ["Remark", "SimulatedCaller", "read_wav"]
