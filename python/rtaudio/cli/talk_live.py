"""`rtaudio talk` at the sound card, until Ctrl-C or until a device goes away."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import ExitStack

from rtaudio.cli.call import TICK_S, Providers
from rtaudio.cli.errors import CommandError
from rtaudio.cli.hearing import Hearing
from rtaudio.cli.log import CallLog
from rtaudio.cli.screen import Screen
from rtaudio.cli.talk import canceller_of, follow
from rtaudio.cli.turning import Turning
from rtaudio.core import Engine, Wake
from rtaudio.transports.sound import SoundCard, SoundUnavailable
from rtaudio.voice.agent import Agent
from rtaudio.voice.session import Session

_ABOUT_ECHO = {
    True: "The agent's voice is taken out of what the microphone hears (WebRTC); headphones are still better.",
    False: "The agent knows its own voice by the echo guard; headphones are better. Where the loudspeaker is loud: "
    "--aec webrtc.",
}


async def talk_live(agent: Agent, providers: Providers, options: argparse.Namespace, screen: Screen) -> None:
    """Runs the agent. Raises CommandError without a sound device, or when it is gone."""
    canceller = canceller_of(options)
    try:
        with ExitStack() as stack:
            wake = Wake()
            stack.callback(wake.close)
            hearing = Hearing(options.vad)
            stack.callback(hearing.close)
            turning = Turning(options.profile, screen.note)
            stack.callback(turning.close)
            engine = stack.enter_context(Engine(tick_s=TICK_S, vad=hearing.kernel))
            card = SoundCard(
                engine,
                input=_device(options.mic),
                output=_device(options.speaker),
                wake=wake,
                outside_vad=hearing.outside,
                detector=turning.detector,
                echo_cancel=canceller,
                on_failure=lambda error: screen.note(f"The echo canceller is left out from here on: {error}"),
            )
            stack.enter_context(card)
            hearing.add(card.line)
            turning.add(card.line)
            session = Session(card.port, agent, stt=providers.stt, llm=providers.llm, tts=providers.tts, wake=wake)
            events = session.events()  # before it begins: the greeting is told at once
            async with session:
                following = asyncio.create_task(follow(events, CallLog(), screen), name="transcript")
                card.start()
                hearing.start()
                turning.start()
                engine.start()
                screen.note(f"{card.input.name} → agent → {card.output.name}. Ctrl-C ends it.")
                screen.note(_ABOUT_ECHO[canceller is not None])
                watching = asyncio.create_task(card.watch(), name="sound card")
                try:
                    done, _ = await asyncio.wait({following, watching}, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                finally:
                    watching.cancel()
            await following
    except SoundUnavailable as error:
        raise CommandError(str(error)) from error
    finally:
        await providers.aclose()


def _device(wanted: str | None) -> int | str | None:
    """An index where it is one, else a part of a name."""
    return int(wanted) if wanted is not None and wanted.isdecimal() else wanted
