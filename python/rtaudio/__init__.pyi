"""Public names of rtaudio, typed: the compiled core and nothing else."""

from rtaudio.core import MIC_RATE as MIC_RATE
from rtaudio.core import VAD_WINDOW as VAD_WINDOW
from rtaudio.core import AudioPort as AudioPort
from rtaudio.core import CoreJournal as CoreJournal
from rtaudio.core import Cut as Cut
from rtaudio.core import Detector as Detector
from rtaudio.core import DetectorConfig as DetectorConfig
from rtaudio.core import DeviceCallbacks as DeviceCallbacks
from rtaudio.core import EchoGuard as EchoGuard
from rtaudio.core import Engine as Engine
from rtaudio.core import Event as Event
from rtaudio.core import EventReader as EventReader
from rtaudio.core import Flush as Flush
from rtaudio.core import Framer as Framer
from rtaudio.core import Heard as Heard
from rtaudio.core import History as History
from rtaudio.core import Journal as Journal
from rtaudio.core import JournalError as JournalError
from rtaudio.core import JournalFile as JournalFile
from rtaudio.core import Ledger as Ledger
from rtaudio.core import Line as Line
from rtaudio.core import LostSamples as LostSamples
from rtaudio.core import MediaReader as MediaReader
from rtaudio.core import Meter as Meter
from rtaudio.core import MicConfig as MicConfig
from rtaudio.core import MicMeter as MicMeter
from rtaudio.core import ModelAltered as ModelAltered
from rtaudio.core import ModelMissing as ModelMissing
from rtaudio.core import OnnxVad as OnnxVad
from rtaudio.core import OnnxVadStream as OnnxVadStream
from rtaudio.core import OutsideVad as OutsideVad
from rtaudio.core import Playout as Playout
from rtaudio.core import PortClosed as PortClosed
from rtaudio.core import Ramp as Ramp
from rtaudio.core import Resampler as Resampler
from rtaudio.core import Ring as Ring
from rtaudio.core import SecondConsumer as SecondConsumer
from rtaudio.core import Segment as Segment
from rtaudio.core import SegmentCut as SegmentCut
from rtaudio.core import SileroVad as SileroVad
from rtaudio.core import SpeechEnded as SpeechEnded
from rtaudio.core import SpeechStarted as SpeechStarted
from rtaudio.core import TurnAsked as TurnAsked
from rtaudio.core import TurnConfig as TurnConfig
from rtaudio.core import TurnDetector as TurnDetector
from rtaudio.core import TurnEnded as TurnEnded
from rtaudio.core import TurnEvidence as TurnEvidence
from rtaudio.core import TurnQuestion as TurnQuestion
from rtaudio.core import TurnReasons as TurnReasons
from rtaudio.core import TurnResumed as TurnResumed
from rtaudio.core import Vad as Vad
from rtaudio.core import VadClosed as VadClosed
from rtaudio.core import VadResult as VadResult
from rtaudio.core import VadState as VadState
from rtaudio.core import VadStream as VadStream
from rtaudio.core import Wake as Wake
from rtaudio.core import alaw_decode as alaw_decode
from rtaudio.core import alaw_encode as alaw_encode
from rtaudio.core import check_replay as check_replay
from rtaudio.core import clock_ns as clock_ns
from rtaudio.core import dbfs as dbfs
from rtaudio.core import from_pcm16 as from_pcm16
from rtaudio.core import gain as gain
from rtaudio.core import post_turn_hint as post_turn_hint
from rtaudio.core import read_journal as read_journal
from rtaudio.core import resample as resample
from rtaudio.core import to_float32 as to_float32
from rtaudio.core import to_int16 as to_int16
from rtaudio.core import ulaw_decode as ulaw_decode
from rtaudio.core import ulaw_encode as ulaw_encode

__version__: str
__all__: list[str]

def __dir__() -> list[str]: ...
