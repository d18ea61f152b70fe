"""`rtaudio demo`: a whole conversation, without sound card, key or network.

    agent               "…Our calls are recorded…"                    may not be interrupted
    caller, into that   "…when does the library open on Saturday?"    is kept, and answered after it
    agent               "On Saturday the library is open from…"
    caller, into that   "Mhm."                                        the agent goes on
    caller, into that   "Wait, what about Sunday?"                    the agent stops, and answers that
    caller              "How many books… can I take home?"            thinks in mid-sentence
                        "And how long can I keep them?"               has more to say: with the turn model the agent
                                                                      waits for it, by silence alone it begins to
                                                                      answer, drops that, and answers the whole
    caller              "…Goodbye."

It leaves FOLDER/recording.wav (caller left, agent right), timeline.png, transcript.json, and journal.rtj, from which
the call can be run again.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from rtaudio.cli.call import Call, Providers
from rtaudio.cli.errors import CommandError
from rtaudio.cli.running import run_call
from rtaudio.cli.screen import Screen, open_screen
from rtaudio.cli.take import Take
from rtaudio.cli.turning import Turning
from rtaudio.cli.wav import resample
from rtaudio.core import MIC_RATE
from rtaudio.providers import HibariTTS, PocketsphinxSTT, ScriptedLLM
from rtaudio.providers.hibari import RATE as VOICE_RATE
from rtaudio.providers.hibari import HibariVoice, Spoken
from rtaudio.voice.agent import Agent
from rtaudio.voice.events import AgentSpeechHeard, AgentSpeechStarted, SessionClosed, SessionEvent

GREETING: Final = "Hello, this is the town library. Our calls are recorded. How can I help you?"
# A voice lowered by as much is another speaker to the ear, and still one to PocketSphinx.
CALLER_PITCH: Final = 0.88
LISTENS_AFTER_S: Final = 1.4
INTERRUPTS_AFTER_S: Final = 1.5  # after the "mhm"
THINKS_FOR_S: Final = 0.7
# A pause after a complete question. By silence alone the turn has ended by then, and what is begun is not yet heard.
GOES_ON_AFTER_S: Final = 0.45
# The conversation takes 32 s; one that has not ended by then has come to a stop somewhere.
LIMIT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of the caller: said `delay_s` after the agent has begun, or has come to the end of, its next reply; or
    after the caller's own last line."""

    text: str
    when: Literal["agent begins", "agent ends", "after that"]
    delay_s: float
    thinks_before: str = ""  # a word before which the caller thinks for THINKS_FOR_S


SCRIPT: Final[Sequence[Cue]] = (
    Cue("Hello, when does the library open on Saturday?", "agent begins", 1.0),
    Cue("Mhm.", "agent begins", LISTENS_AFTER_S),
    Cue("Wait, what about Sunday?", "after that", INTERRUPTS_AFTER_S),
    Cue("How many books can I take home?", "agent ends", 0.6, thinks_before="can"),
    Cue("And how long can I keep them?", "after that", GOES_ON_AFTER_S),
    Cue("Okay, thank you. Goodbye.", "agent ends", 0.6),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A line of the caller as it was said: its samples at 16 kHz, from sample `at` of the line on."""

    cue: Cue
    at: int
    clip: NDArray[np.float32]


def run(options: argparse.Namespace) -> None:
    """The command."""
    folder: Path = options.out
    screen = open_screen()
    try:
        screen.note("The caller's voice is made on the spot; the answers come from a small table, not from a model.")
        clips = voice_of_the_caller(SCRIPT)
        conversation = perform(
            clips,
            folder / "recording.wav",
            screen,
            fast=options.fast,
            journal=folder / "journal.rtj",
            turning=Turning(options.profile, screen.note),
        )
        take, _ = run_call(conversation, fast=options.fast)
    finally:
        screen.close()
    screen.note("")
    screen.note(f"recording   {take.path}  (caller left, agent right)")
    take.write_transcript(folder / "transcript.json", screen)
    take.draw(folder / "timeline.png", screen)
    screen.note(f"journal     {folder / 'journal.rtj'}")


def voice_of_the_caller(script: Sequence[Cue]) -> list[NDArray[np.float32]]:
    """The lines, spoken, at 16 kHz."""
    voice = HibariVoice(pitch=CALLER_PITCH)
    return [resample(_spoken(voice.say(cue.text), cue), VOICE_RATE, MIC_RATE) for cue in script]


def _spoken(spoken: Spoken, cue: Cue) -> NDArray[np.float32]:
    """The line, with a pause where the caller thinks: cut at the start of a word, with 10 ms of fade."""
    if not cue.thinks_before:
        return spoken.samples
    offset = cue.text.index(cue.thinks_before)
    at = round(next(word.start_s for word in spoken.words if word.text_offset == offset) * VOICE_RATE)
    fade = np.linspace(1, 0, VOICE_RATE // 100, dtype=np.float32)
    before, after = spoken.samples[:at].copy(), spoken.samples[at:].copy()
    before[-len(fade) :] *= fade
    after[: len(fade)] *= fade[::-1]
    return np.concatenate([before, np.zeros(round(THINKS_FOR_S * VOICE_RATE), np.float32), after])


async def perform(
    clips: Sequence[NDArray[np.float32]],
    recording: Path,
    screen: Screen,
    *,
    fast: bool,
    journal: Path | None = None,
    turning: Turning | None = None,
) -> tuple[Take, list[Placed]]:
    """The conversation, recorded."""
    recording.parent.mkdir(parents=True, exist_ok=True)
    placed: list[Placed] = []
    cues = deque(zip(SCRIPT, clips, strict=True))
    providers = Providers(PocketsphinxSTT(), ScriptedLLM(), HibariTTS())
    agent = Agent(greeting=GREETING, greeting_interruption="off")
    call = Call(agent, providers, fast=fast, journal=journal, turning=turning)
    with Take(call.port, call.line, recording, stereo=True) as take:
        call.collect, call.last = take.collect, take.close
        events = call.session.events(bound=1 << 14)
        async with call:
            async for event in events:
                take.log.take(event)
                screen.show(event)
                if isinstance(event, SessionClosed):
                    raise CommandError(f"the session ended by itself: {event.reason}")
                if cues and _is(event, cues[0][0]):
                    cue, clip = cues.popleft()
                    at, end = call.caller.say(clip, round((event.at_s + cue.delay_s) * MIC_RATE))
                    placed.append(Placed(cue, at, clip))
                    while cues and cues[0][0].when == "after that":
                        cue, clip = cues.popleft()
                        at, end = call.caller.say(clip, end + round(cue.delay_s * MIC_RATE))
                        placed.append(Placed(cue, at, clip))
                elif not cues and isinstance(event, AgentSpeechHeard):
                    break
                if event.at_s > LIMIT_S:
                    raise CommandError(f"the conversation did not come to its end within {LIMIT_S:.0f} s")
            await call.idle(0.6, limit_s=LIMIT_S)
            take.history = call.session.history
    return take, placed


def _is(event: SessionEvent, cue: Cue) -> bool:
    return isinstance(event, AgentSpeechStarted if cue.when == "agent begins" else AgentSpeechHeard)
