"""rtaudio in LiveKit Agents: `VAD` and the audio `TurnDetector` for an `AgentSession`.

    from rtaudio.integrations.livekit_agents import VAD, TurnDetector
    session = AgentSession(vad=VAD(), turn_handling={"turn_detection": TurnDetector()}, ...)

Needs livekit-agents 1.8 or a later 1.x: ``pip install "rtaudio[livekit]"``; without it, importing this raises
`rtaudio.providers.packages.MissingPackageError`. Thread rule: everything on the event loop of the session.
"""

from __future__ import annotations

from rtaudio.integrations.frameworks import missing

try:
    from rtaudio.integrations.livekit_agents.turns import TurnDetector, TurnDetectorStream
    from rtaudio.integrations.livekit_agents.vad import VAD, VADStream
except ModuleNotFoundError as error:
    raise missing("livekit.agents", extra="livekit", wanted_by=__name__, error=error) from error

__all__ = ["VAD", "TurnDetector", "TurnDetectorStream", "VADStream"]
