"""rtaudio in Pipecat: `RtaudioVADAnalyzer` for what takes a VAD analyzer, `RtaudioTurnAnalyzer` for a turn strategy.

    from rtaudio.integrations.pipecat import RtaudioTurnAnalyzer, RtaudioVADAnalyzer
    vad = VADProcessor(vad_analyzer=RtaudioVADAnalyzer())
    stop = TurnAnalyzerUserTurnStopStrategy(turn_analyzer=RtaudioTurnAnalyzer())

Needs pipecat-ai 1.14 or a later 1.x: ``pip install "rtaudio[pipecat]"``; without it, importing this raises
`rtaudio.providers.packages.MissingPackageError`. Thread rule: one analyzer for one stream, on one thread.
"""

from __future__ import annotations

from rtaudio.integrations.frameworks import missing

try:
    from rtaudio.integrations.pipecat.turns import RtaudioTurnAnalyzer, RtaudioTurnParams
    from rtaudio.integrations.pipecat.vad import RtaudioVADAnalyzer
except ModuleNotFoundError as error:
    raise missing("pipecat", extra="pipecat", wanted_by=__name__, error=error) from error

__all__ = ["RtaudioTurnAnalyzer", "RtaudioTurnParams", "RtaudioVADAnalyzer"]
