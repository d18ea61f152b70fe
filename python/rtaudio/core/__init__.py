"""The compiled core, by its public names. Modules are loaded when a name of theirs is first used."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    # name -> module
    "Ring": "_ring",
    "History": "_ring",
    "Framer": "_dsp",
    "Meter": "_dsp",
    "Ramp": "_dsp",
    "alaw_decode": "_dsp",
    "alaw_encode": "_dsp",
    "dbfs": "_dsp",
    "from_pcm16": "_dsp",
    "gain": "_dsp",
    "to_float32": "_dsp",
    "to_int16": "_dsp",
    "ulaw_decode": "_dsp",
    "ulaw_encode": "_dsp",
    "ClockBridge": "_clocks",
    "ClockTrack": "_clocks",
    "VariableResampler": "_clocks",
    "Decoder": "_network",
    "Encoder": "_network",
    "opus_version": "_network",
    "OpusMissing": "libopus",
    "find_libopus": "libopus",
    "JitterBuffer": "_network",
    "JitterFrame": "_network",
    "PacketConfig": "_network",
    "RtpMalformed": "_network",
    "RtpPacket": "_network",
    "RtpConfig": "_network",
    "RtpSender": "_network",
    "is_rtcp": "_network",
    "Resampler": "resampler",
    "resample": "resampler",
    "AudioPort": "_port",
    "CoreJournal": "_port",
    "Cut": "_port",
    "EventReader": "_port",
    "Flush": "_port",
    "Journal": "journal",
    "JournalError": "journal",
    "JournalFile": "journal",
    "read_journal": "journal",
    "check_replay": "replay",
    "Detector": "_engine",
    "BargeConfig": "_engine",
    "DetectorConfig": "_engine",
    "DeviceCallbacks": "_engine",
    "EchoGuard": "_engine",
    "Engine": "_engine",
    "Event": "_port",
    "Heard": "_port",
    "Ledger": "_port",
    "Line": "_engine",
    "MicConfig": "_engine",
    "MicMeter": "_engine",
    "LostSamples": "_ring",
    "MediaReader": "_port",
    "OutAudio": "_port",
    "OutClear": "_port",
    "OutDuck": "_port",
    "OutLost": "_port",
    "Outgoing": "_port",
    "Playout": "_port",
    "PortClosed": "_port",
    "SecondConsumer": "_port",
    "Segment": "_port",
    "SegmentCut": "_port",
    "TurnConfig": "_engine",
    "post_turn_hint": "_engine",
    "post_turn_settings": "_engine",
    "TurnAsked": "turn_detector",
    "TurnDetector": "turn_detector",
    "TurnEnded": "turn_detector",
    "TurnQuestion": "turn_detector",
    "TurnResumed": "turn_detector",
    "TurnEvidence": "turns",
    "TurnModel": "turn_model",
    "TurnModelClosed": "turn_model",
    "TurnQuestionDropped": "turn_model",
    "TurnReasons": "turns",
    "UdpSocket": "_engine",
    "Wake": "_engine",
    "clock_ns": "_port",
    "MIC_RATE": "_port",
    "VAD_WINDOW": "_port",
    "ModelAltered": "vad",
    "ModelMissing": "vad",
    "SileroVad": "vad",
    "SpeechEnded": "vad",
    "SpeechStarted": "vad",
    "Vad": "vad",
    "VadState": "vad",
    "VadStream": "vad",
    "OnnxVad": "onnx_vad",
    "OnnxVadStream": "onnx_vad",
    "OutsideVad": "outside_vad",
    "VadClosed": "onnx_vad",
    "VadResult": "onnx_vad",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'rtaudio' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"rtaudio.core.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
