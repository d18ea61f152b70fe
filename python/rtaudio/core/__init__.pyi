"""Public names of the compiled core, typed; __init__.py loads each when it is first used."""

from rtaudio.core._dsp import Framer as Framer
from rtaudio.core._dsp import Meter as Meter
from rtaudio.core._dsp import Ramp as Ramp
from rtaudio.core._dsp import alaw_decode as alaw_decode
from rtaudio.core._dsp import alaw_encode as alaw_encode
from rtaudio.core._dsp import dbfs as dbfs
from rtaudio.core._dsp import from_pcm16 as from_pcm16
from rtaudio.core._dsp import gain as gain
from rtaudio.core._dsp import to_float32 as to_float32
from rtaudio.core._dsp import to_int16 as to_int16
from rtaudio.core._dsp import ulaw_decode as ulaw_decode
from rtaudio.core._dsp import ulaw_encode as ulaw_encode
from rtaudio.core._engine import Detector as Detector
from rtaudio.core._engine import DetectorConfig as DetectorConfig
from rtaudio.core._engine import DeviceCallbacks as DeviceCallbacks
from rtaudio.core._engine import EchoGuard as EchoGuard
from rtaudio.core._engine import Engine as Engine
from rtaudio.core._engine import Line as Line
from rtaudio.core._engine import MicConfig as MicConfig
from rtaudio.core._engine import MicMeter as MicMeter
from rtaudio.core._engine import Wake as Wake
from rtaudio.core._port import MIC_RATE as MIC_RATE
from rtaudio.core._port import VAD_WINDOW as VAD_WINDOW
from rtaudio.core._port import AudioPort as AudioPort
from rtaudio.core._port import CoreJournal as CoreJournal
from rtaudio.core._port import Cut as Cut
from rtaudio.core._port import Event as Event
from rtaudio.core._port import EventReader as EventReader
from rtaudio.core._port import Flush as Flush
from rtaudio.core._port import Heard as Heard
from rtaudio.core._port import Ledger as Ledger
from rtaudio.core._port import MediaReader as MediaReader
from rtaudio.core._port import Playout as Playout
from rtaudio.core._port import PortClosed as PortClosed
from rtaudio.core._port import SecondConsumer as SecondConsumer
from rtaudio.core._port import Segment as Segment
from rtaudio.core._port import SegmentCut as SegmentCut
from rtaudio.core._port import clock_ns as clock_ns
from rtaudio.core._ring import History as History
from rtaudio.core._ring import LostSamples as LostSamples
from rtaudio.core._ring import Ring as Ring
from rtaudio.core.journal import Journal as Journal
from rtaudio.core.journal import JournalError as JournalError
from rtaudio.core.journal import JournalFile as JournalFile
from rtaudio.core.journal import read_journal as read_journal
from rtaudio.core.onnx_vad import OnnxVad as OnnxVad
from rtaudio.core.onnx_vad import OnnxVadStream as OnnxVadStream
from rtaudio.core.onnx_vad import VadClosed as VadClosed
from rtaudio.core.onnx_vad import VadResult as VadResult
from rtaudio.core.outside_vad import OutsideVad as OutsideVad
from rtaudio.core.replay import check_replay as check_replay
from rtaudio.core.resampler import Resampler as Resampler
from rtaudio.core.resampler import resample as resample
from rtaudio.core.vad import ModelAltered as ModelAltered
from rtaudio.core.vad import ModelMissing as ModelMissing
from rtaudio.core.vad import SileroVad as SileroVad
from rtaudio.core.vad import SpeechEnded as SpeechEnded
from rtaudio.core.vad import SpeechStarted as SpeechStarted
from rtaudio.core.vad import Vad as Vad
from rtaudio.core.vad import VadState as VadState
from rtaudio.core.vad import VadStream as VadStream

__all__: list[str]

def __dir__() -> list[str]: ...
