"""What drives ports: detector, engine thread, wake-up, device callbacks.

Thread rules are those of csrc/engine.h, detector.h and device.h. Seconds at the edge, samples inside.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

from rtaudio.core._network import PacketConfig, RtpConfig
from rtaudio.core._port import AudioPort, Event

class MicConfig:
    """When a microphone is silent, quiet, loud or clipping; seconds and dBFS here, samples and mean squares in the
    core. Immutable. Contract: csrc/mic_health.h.
    silent: below `silent_dbfs` for `silent_first_s` if nothing was ever heard on the line, else for `silent_after_s`.
    quiet, loud: the mean level of `judged_s` of speech; they end `hysteresis_db` further in. clipping: more than
    `clip_share` of `judged_s` of samples at 0.98 of full scale or beyond. ValueError for levels out of order or out of
    -150..60 dBFS, a duration out of its range, a share outside 0..1."""
    def __init__(
        self,
        *,
        enabled: bool = True,
        silent_dbfs: float = -75.0,
        quiet_dbfs: float = -45.0,
        loud_dbfs: float = -12.0,
        hysteresis_db: float = 3.0,
        silent_first_s: float = 5.0,
        silent_after_s: float = 30.0,
        judged_s: float = 2.0,
        clip_share: float = 0.001,
    ) -> None: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def silent_dbfs(self) -> float: ...
    @property
    def quiet_dbfs(self) -> float: ...
    @property
    def loud_dbfs(self) -> float: ...
    @property
    def hysteresis_db(self) -> float: ...
    @property
    def silent_first_s(self) -> float: ...
    @property
    def silent_after_s(self) -> float: ...
    @property
    def judged_s(self) -> float: ...
    @property
    def clip_share(self) -> float: ...
    def to_dict(self) -> dict[str, Any]:
        """The settings by name: `MicConfig(**config.to_dict())` is the same again."""

class MicMeter:
    """Levels of a microphone's windows, for those who step a Detector by themselves. One thread."""
    def process(self, samples: NDArray[np.float32], *, starved: bool = False) -> list[tuple[float, int, int]]:
        """Takes 16 kHz samples in chunks of any size; gives (mean square with full scale 1, samples clipped, samples
        starved) of each window of 512 that they complete. `starved`: they are silence in the place of what never came.
        TypeError or ValueError for what is no contiguous 1-D float32 array."""

HintKind = Literal["words", "stt", "backchannel", "asked", "thinking", "min_words", "warm_up"]
Profile = Literal["patient", "default", "quick"]

class TurnConfig:
    """How the end of a turn is decided; seconds here, samples in the core. Immutable. See csrc/turn.h, turn_policy.h.

    `profile`: how evidence and silence are weighed; `thinking`, `speaking`: the profile while the agent thinks or
    speaks (None: the same). `ask_after_s`: the silences at which evidence is asked for, at most four, growing; 0: as
    soon as the probability falls. `late_after_s`: an answer older than this is ignored. `grace_s`: speech that starts
    so soon after the end goes on with the turn. `silence_s`, `min_delay_s`, `max_delay_s`: in the place of the
    profiles' delay without evidence, least and longest delay (None: the profiles'); `silence_s` widens the bounds to
    itself. Raises ValueError for a profile that is none, or a duration out of its range."""
    def __init__(
        self,
        *,
        profile: str = "default",
        thinking: str | None = None,
        speaking: str | None = None,
        ask_after_s: Sequence[float] = (0.0, 0.096, 0.192, 0.288),
        late_after_s: float = 0.1,
        grace_s: float = 1.5,
        silence_s: float | None = None,
        min_delay_s: float | None = None,
        max_delay_s: float | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None: ...
    @property
    def profile(self) -> str: ...
    @property
    def thinking(self) -> str | None: ...
    @property
    def speaking(self) -> str | None: ...
    @property
    def ask_after_s(self) -> tuple[float, ...]: ...
    @property
    def late_after_s(self) -> float: ...
    @property
    def grace_s(self) -> float: ...
    @property
    def silence_s(self) -> float | None: ...
    @property
    def min_delay_s(self) -> float | None: ...
    @property
    def max_delay_s(self) -> float | None: ...
    @property
    def policy(self) -> dict[str, Any] | None: ...
    def to_dict(self) -> dict[str, Any]:
        """The settings by name: `TurnConfig(**config.to_dict())` is the same again."""

class BargeConfig:
    """What the engine does by itself when the user speaks while the agent speaks (csrc/barge.h). Immutable.

    enabled                     act on the playout at all
    duck_db, duck_ramp_s        on suspicion; 0 dB: do not duck
    pause_after_s               speech after which the agent is paused
    confirm_after_s, confirm_by_s   loud speech after which it is flushed: as varied as a sentence; as even as a hum
    false_after_s               silence after which the agent goes on; doubt_after_s: where there was no speech at all
    backchannel_least_s         speech that makes it a backchannel rather than a false alarm
    rewind_on_false             the agent goes on from the start of the word
    early_onset, onset_rise, onset_from, onset_sure   looks each 8 ms: p rose so much in 24 ms and is above; or is above
    onset_loud, onset_above_db  or p is above the one, and what is no echo so far above what it is when nobody speaks
    level_counts_s              speech that being once as loud again as when this user took the floor before counts for;
                                half of it more until he has
    echo_most                   share of what is heard that may be the agent's echo; 1: the echo guard never holds back
    echo_clear                  share of echo, lately, below which the mic's own VAD counts beside the one without echo
    loud_db                     what lies so far below the loudest so far is a decay
    variety_full                variance of the sound's colour that a sentence shows; 0: it does not count
    min_words, warm_up_s        of the STT, before a flush, 0: do not count; barge-in waits after the agent first spoke
    Raises ValueError for what cannot be."""
    def __init__(
        self,
        *,
        enabled: bool = True,
        duck_db: float = -12.0,
        duck_ramp_s: float = 0.02,
        pause_after_s: float = 0.064,
        confirm_after_s: float = 0.256,
        confirm_by_s: float = 0.448,
        false_after_s: float = 0.4,
        doubt_after_s: float = 0.16,
        backchannel_least_s: float = 0.096,
        rewind_on_false: bool = True,
        early_onset: bool = True,
        onset_rise: float = 0.3,
        onset_from: float = 0.4,
        onset_sure: float = 0.95,
        onset_loud: float = 0.06,
        onset_above_db: float = 13.0,
        level_counts_s: float = 0.128,
        echo_most: float = 0.75,
        echo_clear: float = 0.3,
        loud_db: float = -7.0,
        variety_full: float = 0.004,
        min_words: int = 0,
        warm_up_s: float = 0.0,
    ) -> None: ...
    def to_dict(self) -> dict[str, Any]:
        """The settings by name: `BargeConfig(**config.to_dict())` is the same again. Each is also an attribute."""
    def __getattr__(self, name: str) -> Any: ...

class DetectorConfig:
    """Settings of hearing and barge-in; seconds here, samples in the core. Immutable. See csrc/detector.h.

    `endpoint_silence_s`: short for ``turn=TurnConfig(silence_s=...)``. Raises ValueError for thresholds that do not
    satisfy 0 < off <= on < 1, or a duration out of its range."""
    def __init__(
        self,
        *,
        on: float = 0.5,
        off: float = 0.35,
        min_speech_s: float = 0.064,
        min_silence_s: float = 0.1,
        endpoint_silence_s: float | None = None,
        barge: BargeConfig | None = None,
        barge_in: bool | None = None,
        duck_db: float | None = None,
        duck_ramp_s: float | None = None,
        pause_after_s: float | None = None,
        confirm_after_s: float | None = None,
        false_after_s: float | None = None,
        rewind_on_false: bool | None = None,
        mic: MicConfig | None = None,
        turn: TurnConfig | None = None,
    ) -> None:
        """`barge_in` (BargeConfig.enabled) and what follows it are short for settings of `barge`."""
    @property
    def barge(self) -> BargeConfig: ...
    @property
    def on(self) -> float: ...
    @property
    def off(self) -> float: ...
    @property
    def min_speech_s(self) -> float: ...
    @property
    def min_silence_s(self) -> float: ...
    @property
    def endpoint_silence_s(self) -> float:
        """The silence that ends a turn where there is no evidence."""
    @property
    def mic(self) -> MicConfig: ...
    @property
    def turn(self) -> TurnConfig: ...
    def to_dict(self) -> dict[str, Any]:
        """The settings by name, sections too: `from_dict` makes it again of them."""
    @staticmethod
    def from_dict(settings: dict[str, Any]) -> DetectorConfig: ...

class Detector:
    """The pure machine of csrc/detector.h for those who drive it by themselves. One thread. The class's constants are
    the bits of the wishes that `step` returns."""

    DUCK: int
    PAUSE: int
    FLUSH: int
    UNDUCK: int
    RESUME: int
    RESUME_REWIND: int
    def __init__(self, config: DetectorConfig | None = None) -> None: ...
    def step(
        self,
        probability: float,
        position_end: int,
        speaking: bool = False,
        segment: int = 0,
        echo: float = 0.0,
        decided: int = 0,
        *,
        mic: tuple[float, int, int] | None = None,
        near: float = ...,
        policy: int = 0,
        sentences: int = 0,
        power: Sequence[float] = ...,
        edge: Sequence[float] = ...,
        concealed: int = 0,
        cleaned: float = ...,
    ) -> tuple[int, list[Event]]:
        """One window of 512 samples at 16 kHz that ends at mic sample `position_end`, which must grow (ValueError).
        `speaking`: the agent speaks or is about to, `segment` is what; `echo`: how much of the window is the agent's
        own voice, 0..1. `decided`: mic position by which the probability was there, for what is stamped; 0:
        `position_end`. `mic`: its level as a MicMeter gave it; None: not measured, and nothing is said about the
        microphone. `concealed`: samples in place of packets that never came; if they are more than half, the window is
        neither speech nor silence. The rest as in csrc/window.h; `near` and `cleaned` are NaN where nobody
        listened without the echo. Gives wishes and events of this window."""
    def evidence(self, question: int, evidence: Sequence[float], at: int | None = None) -> list[Event]:
        """What a model says to question `question` (``a`` of the event "turn_asked"): the numbers of
        `rtaudio.TurnEvidence` in its order, NaN or missing: unknown. It takes effect at mic sample `at` (None: the last
        window's end; before it: ValueError). Evidence that is late or answers no open question is counted and ignored.
        """
    def hint(self, kind: HintKind, value: int, turn: int = 0, at: int | None = None) -> list[Event]:
        """What a session knows, as `Line.post_turn_hint` has it. `at`: as in `evidence`."""
    def settings(
        self, turn: TurnConfig | None = None, barge: BargeConfig | None = None, at: int | None = None
    ) -> list[Event]:
        """Other settings, as `Line.post_turn_settings` has them. `at`: as in `evidence`."""
    def recorded_settings(self, payload: bytes, at: int | None = None) -> list[Event]:
        """The same from the payload of a journal's record TURN_SETTINGS. ValueError: it is none."""
    def peek(
        self,
        probability: float,
        position_end: int,
        speaking: bool = False,
        segment: int = 0,
        *,
        echo: float = 0.0,
        policy: int = 0,
        mean_square: float = 0.0,
        concealed: int = 0,
    ) -> tuple[int, list[Event]]:
        """An early look at the window under way that ends at `position_end`: 128, 256 or 384 samples into it.
        `mean_square`: of the mic's last 128 samples; `concealed`: of the last 512."""
    @property
    def mic(self) -> Literal["good", "silent", "quiet", "loud"]: ...
    @property
    def clipping(self) -> bool: ...
    @property
    def gate(self) -> Literal["silence", "rising", "speech", "falling"]: ...
    @property
    def turn(self) -> Literal["idle", "open", "waiting", "grace"]: ...
    @property
    def turn_began(self) -> int:
        """Mic position at which the turn began, or the last one: what hints about words name it by."""
    @property
    def turn_delay_s(self) -> float:
        """The silence that ends the turn, as last decided; 0 before the first silence."""
    def figures(self) -> dict[str, int]:
        """turn_asked, turn_answered, turn_late, turn_stale, turn_unanswered, turn_resumed: rta_turn_counts."""
    @property
    def barge(self) -> Literal["quiet", "suspected", "likely", "confirmed", "stopping"]: ...

class EchoGuard:
    """The echo guard of csrc/echo_guard.h for those who drive it by themselves; every line of an engine that hears has
    one of its own. Tells how much of what is heard is what was put out. One thread.

    `ref_rate`: of what is put out, in Hz. ValueError: no way from it to 8 kHz."""
    def __init__(self, ref_rate: int = 24000) -> None: ...
    def put_out(self, samples: NDArray[np.float32]) -> None:
        """What was put out next, mono float32 at `ref_rate`, shape (n,). Give it before what is heard in the same time,
        at most 0.25 s ahead of it. TypeError, ValueError (what is no number)."""
    def heard(self, samples: NDArray[np.float32]) -> None:
        """What was heard next, mono float32 at 16 kHz, shape (n,). TypeError, ValueError (what is no number)."""
    def share(self) -> float:
        """The echo's share (0..1) of what was heard since the last call: of the energy above the noise floor in
        190..3940 Hz, the part that what was put out explains. 0 while nothing is put out and until an echo was
        found."""
    def align(self) -> None:
        """Two clocks: keeps their counts together (between `put_out` and `heard`): what was put out is filled up with
        silence if it is more than 60 ms behind, what was heard if that is more than 250 ms behind."""
    @property
    def delay_samples(self) -> int | None:
        """From put out to heard, in 16 kHz samples, as counted from the beginning of both; None: no echo is known."""
    def figures(self) -> dict[str, float]:
        """found (0 or 1), delay_samples, share (the last), score (how clearly the delay stands out, 0..1), moved (times
        the delay was found anew), starved (pieces of 8 ms whose reference did not come in time), realigned."""

class Wake:
    """A wake-up descriptor; one per process. `fd` becomes readable; `drain()` empties it."""
    def __init__(self) -> None: ...
    @property
    def fd(self) -> int: ...
    @property
    def write_fd(self) -> int: ...
    def drain(self) -> bool: ...
    def close(self) -> None:
        """RuntimeError while lines still use it: remove them first."""

@final
class UdpSocket:
    """A UDP socket for one network line, served by the engine in its tick, in one or both directions
    (csrc/line_socket.h). Nothing else reads it or writes to it."""

    def __init__(self, host: str = "0.0.0.0", port: int = 0) -> None:
        """Bound to an IPv4 or IPv6 address ("::": all of both where the system has it so) and a port (0: the system
        chooses). ValueError for what is no address, OSError where the system refuses it."""
    @property
    def address(self) -> tuple[str, int]:
        """Where it is bound."""
    @property
    def closed(self) -> bool: ...
    def figures(self) -> dict[str, int]:
        """Datagrams: sent, send_full (the system's buffer was full: dropped), send_errors (it refused: no route, a port
        that nobody listens at), send_refused (another family, or longer than 1500 bytes); received, too_long,
        receive_errors. Bytes: sent_bytes, received_bytes. Any thread."""
    def close(self) -> None:
        """RuntimeError while a line still uses it: remove that first. May be called again; letting go of it does the
        same."""

@final
class Line:
    """A port under an engine; made by `Engine.add`. It keeps its port alive."""
    def push(
        self,
        samples: NDArray[np.float32] | NDArray[np.int16],
        cleaned: NDArray[np.float32] | None = None,
        *,
        arrival_ns: int | None = None,
    ) -> int:
        """Input at the line's rate, mono, shape (n,), any n; returns how many were taken (the rest dropped, counted).
        `cleaned`, on a line added with ``cleaned=True``: as many samples of the same moments, without the agent's
        voice.
        They go to the mic ring; VAD, echo guard and barge-in of the engine hear `samples`, and barge-in those, too,
        where there is echo while the agent speaks.
        `arrival_ns`, on the engine's clock: by when they had all come; what places them in a recording (`anchors`).
        Give it always or never; without, the engine's tick serves, up to a tick late. It decides nothing else.
        Any thread, one at a time. What is no number, or beyond +-64, becomes silence and is counted (`input_bad`).
        Raises TypeError, ValueError; PortClosed after the port was closed or the line removed."""
    def put_packet(
        self,
        seq: int,
        timestamp: int,
        payload: Buffer,
        *,
        payload_type: int = 0,
        ssrc: int = 0,
        arrival_ns: int | None = None,
    ) -> bool:
        """One packet into a line added with `packets`; it is copied. Any thread, one at a time.

        arrival_ns: on the engine's clock (`clock_ns()` where its thread runs, else what `step` is given); it takes part
        from the first tick that is not before, so when steps happen changes nothing. None: the time of the tick that
        takes it; so counts, too, what lies more than 1 s ahead of the tick or 10 s behind it (`stamps_bad`).

        False: the line is full (`dropped`), or the payload is longer than the config allows (`refused`). Whatever else
        may be wrong with it is counted by the jitter buffer: `link_figures`. ValueError for numbers that no field can
        hold and on a line without packets; PortClosed as push does."""
    def put_datagram(
        self, data: Buffer, arrival_ns: int, source: tuple[Any, ...] | None = None
    ) -> Literal["taken", "dropped", "rtcp", "malformed", "stranger"]:
        """A datagram as a socket brought it, into a line added with `packets`: RTP, or whatever else came. Any thread,
        one at a time; arrival_ns as in `put_packet`. `source`: (address, port) as sockets give it; the line then
        listens to the first that sends sound, and moves to another only when that one has sent nothing for a second
        (csrc/rtp_latch.h). None: to everybody. Everything but "taken" is counted in `link_figures`. ValueError for a
        source that is no IP address and on a line without packets; PortClosed as push does."""
    def link_figures(self) -> dict[str, float]:
        """Of a line that takes packets (else ValueError): what `JitterBuffer.figures` has, as of the last tick, and
        `dropped` (before the buffer, at a full line), `stamps_bad`; of datagrams `rtcp`, `malformed`, `strangers`,
        `moves` (to another source). Any thread."""
    def sent_figures(self) -> dict[str, int]:
        """Of a line that sends RTP (else ValueError): samples (put out, port rate), packetsSent and bytesSent (made; of
        payloads), frames, silent_frames (of which no packet was made), cuts (flushes), unaddressed (packets for nobody:
        no one is heard yet), dropped (packets the socket did not take: why is in `UdpSocket.figures`), delay_samples
        (declared, at the codec's rate). Any thread."""
    def post_probability(self, position_end: int, probability: float) -> bool:
        """Outside VAD (`Engine.add`): the speech probability, 0..1, of the window of 512 samples that ends just before
        mic sample `position_end`. False: 1024 wait already; this one was dropped and counted. One thread at a time,
        which may be another than push's. A window that is skipped counts as the one before it.
        Raises ValueError for a position that is no multiple of 512, not beyond the last one, or beyond what the mic
        ring holds, for another probability, and on a line without outside VAD; PortClosed as push does."""
    def post_turn_evidence(self, question: int, evidence: Sequence[float]) -> bool:
        """What a model says to question `question` (``a`` of the event "turn_asked"): the numbers of
        `rtaudio.TurnEvidence` in its order, NaN or missing: unknown. It takes effect in the engine's next tick. False:
        256 wait already; this one was dropped and counted. One thread at a time. Raises ValueError for more than 16
        numbers, PortClosed as push does."""
    def post_turn_hint(self, kind: HintKind, value: int, turn: int = 0) -> bool:
        """What the session knows; takes effect in the engine's next tick. `turn`: mic position at which the turn began
        that the words are of. One thread at a time, which may be another than that of the evidence.
        "words": how many the STT has understood in the turn so far. "stt": 1: it takes the turn for complete, 2: its
        words do not end a sentence, 0: neither. "backchannel": 1: the words so far are no more than "mhm". "asked":
        what the agent asked for: 1: a yes, a no, a word or two; 2: something long; 0: nothing. "thinking": 1: a reply
        is being made. "min_words": how many words a flush takes from now on, "warm_up": ms, instead of `BargeConfig`'s.
        False: 256 wait already; dropped and counted. Raises ValueError, PortClosed as push does."""
    def post_turn_settings(self, turn: TurnConfig | None = None, barge: BargeConfig | None = None) -> bool:
        """Other settings of the detector from the engine's next tick on, in order with the hints, by the same thread;
        None: they stay. An open turn, its questions, a grace time, a suspicion go on, judged by the new ones; a silence
        is decided anew at once; a duck or pause is lifted where barge-in is enabled no more. `BargeConfig.min_words`
        counts until the next hint of it. False: 8 wait already (or 256 hints); dropped and counted. Raises ValueError
        without either, PortClosed as push does."""
    def set_lead(self, lead_s: float) -> None:
        """How far ahead of its time speech is put out, 0..1 s, from the next tick on; what is already ahead runs down.
        Any thread. Raises ValueError, also on a line without a remote, PortClosed as push does."""
    def report_remote(self, played: object, clear: object = 0) -> bool:
        """What the remote says it has played: out position (`Outgoing`) before which all is played but what was
        cleared; with `clear`, the number of an `OutClear` it has carried out, the position at which it stopped. Regular
        reports narrow what is known to be heard; the answer to a clear settles it. Takes effect in the next tick, where
        what cannot be (more than was sent, less than before, no number, a clear that never was) is refused and counted
        in ``figures()["reports_refused"]``: what a remote sends may be handed on as it is. False: no number, or 64 wait
        already and it was dropped and counted. One thread at a time. Raises ValueError on a line whose remote
        does not clear, PortClosed as push does."""
    def anchors(self, first: int = 0) -> tuple[int, list[tuple[int, float]]]:
        """Which mic sample belongs beside which out sample, where the two directions have clocks of their own
        (csrc/media_map.h): (out, mic) one a second, some 4 s behind, from number `first` on; with the number of the
        first that is given (later where the oldest are gone: 1024 are kept). None on a paced line, where it is known:
        (mic - input delay) / 16000 = out / rate. Any thread."""
    @property
    def answered(self) -> int:
        """Outside VAD: mic position of the last probability posted, taken or dropped: where to go on. Else 0."""
    @property
    def outside_vad(self) -> bool: ...
    @property
    def cleaned(self) -> bool: ...
    @property
    def packets(self) -> PacketConfig | None: ...
    @property
    def socket(self) -> UdpSocket | None: ...
    @property
    def rtp(self) -> RtpConfig | None: ...
    @property
    def ssrc(self) -> int | None:
        """Of the RTP it sends; None: it sends none."""
    @property
    def room(self) -> int: ...
    @property
    def port(self) -> AudioPort: ...
    @property
    def kind(self) -> Literal["paced", "device", "network"]: ...
    @property
    def input_rate(self) -> int: ...
    @property
    def removed(self) -> bool: ...
    def figures(self) -> dict[str, int]:
        """input_taken, input_starved, input_dropped, input_bad (samples at the input rate); of packets also
        input_concealed, input_silence (announced), which are not in input_taken. mic_written,
        input_delay_samples (16 kHz), windows, out_pulled (port rate). With an outside VAD: answers_dropped (1024
        waited), windows_skipped (heard as the one before). Questions: turn_asked, turn_answered, turn_late, turn_stale,
        turn_unanswered, turn_resumed (csrc/turn.h), evidence_dropped, hints_dropped, settings_dropped. Echo guard:
        echo_found (1 while an echo is known), echo_delay_samples (16 kHz, from put out to heard), echo_moved,
        echo_starved, echo_realigned. With a stage: stage_bad (samples that were no numbers), stage_starved (samples of
        reference that came too late). Of a network line: link_losses, link_silent_ms (in which nothing came, where that
        was for 200 ms and more). With a remote: lead_samples (port rate), reports (taken), reports_refused (could not
        be), reports_dropped (64 waited)."""

def post_turn_hint(port: AudioPort, kind: HintKind, value: int, turn: int = 0) -> bool:
    """`Line.post_turn_hint` of the line that drives `port`, for who has the port alone. False: no line does in this
    process (a port shared by another one: the hint has to be sent there), or 256 hints wait. Raises ValueError."""

def post_turn_settings(port: AudioPort, turn: TurnConfig | None = None, barge: BargeConfig | None = None) -> bool:
    """`Line.post_turn_settings` of the line that drives `port`, for who has the port alone. False: no line does in this
    process, or too many wait. Raises ValueError."""

class Engine:
    """Drives ports. Live: start() runs the native thread. Simulation: step(now_ns) by hand. May be let go at
    any time and in any order with its lines and ports: it is stopped first."""
    def __init__(
        self, *, tick_s: float = 0.01, vad: object | None = None, max_lines: int = 64, max_batch: int | None = None
    ) -> None:
        """`vad`: an object with a `kernel` capsule "rtaudio.vad_kernel" (rtaudio.SileroVad); None: no detector.
        `max_batch`: windows per call of the kernel (default: as many as it takes); it never changes a decision."""
    @property
    def tick_s(self) -> float: ...
    def add(
        self,
        port: AudioPort,
        *,
        kind: Literal["paced", "device", "network"] = "paced",
        input_rate: int | None = None,
        input_s: float = 2.0,
        detector: DetectorConfig | None = None,
        device_latency_s: float = 0.0,
        device_bound_s: float = 0.0,
        wake: Wake | int | None = None,
        journal: Any = None,
        outside_vad: bool = False,
        observe: bool = False,
        stage: object | None = None,
        upstream_delay_s: float = 0.0,
        cleaned: bool = False,
        link_lost_s: float | None = None,
        packets: PacketConfig | None = None,
        remote: Literal["none", "plays", "clears", "ducks"] = "none",
        lead_s: float | None = None,
        socket: UdpSocket | None = None,
        rtp: RtpConfig | None = None,
        send_to: tuple[str, int] | None = None,
    ) -> Line:
        """Drives `port` from the next tick on. "paced": input and output at the pace of the engine's clock; what does
        not come in time is silence. "device": a sound card pushes and pulls. "network": input as it comes, and media
        time stands still while nothing does; output at the pace of the engine's clock. Without input for `link_lost_s`
        the event "link_lost" is told, and "link_back" when something comes again. `packets`: its input is packets
        (`Line.put_packet`), through a jitter buffer that listens; rate and link_lost_s are then theirs to say. Else
        16000 and 5.

        `remote`: what holds audio beyond a paced or network line (csrc/playout.h). "plays": plays what it was sent;
        "clears": throws it away when told (`Outgoing`) and reports what it played (`Line.report_remote`); "ducks": also
        changes the gain of what it holds. While the segment at the head has samples queued, speech is put out up to
        `lead_s` ahead of its time, silence never: 0..1 s, by default 0.06 where a remote plays, 0.2 where it clears.

        `socket`: one of a network line's own, which the engine serves in its tick. With `packets` it takes what comes
        there (`Line.put_datagram` is then the engine's, with the tick as arrival); with `rtp` it sends what is put out,
        to `send_to`, an (address, port), or without it to whom it listens to. What the system does not take is dropped
        and counted. `remote` is then "none" or "plays".

        `input_s`: bound of what may wait at the input. `journal`: kept alive as long as the line. `outside_vad`: the
        detector's probabilities come through `Line.post_probability` (`OutsideVad` does that), not from the engine's
        VAD. `stage`: an object with a `stage` capsule "rtaudio.stage" (csrc/stage.h), a canceller between input and
        mic ring; its delay is declared with the line's. `upstream_delay_s`: of what stands before the line, to be
        declared with it. `cleaned`: a canceller there pushes its result beside the mic (`Line.push`); needs 16 kHz
        and no stage. Raises SecondConsumer where an engine or another consumer has the port, PortClosed, ValueError,
        TypeError, RuntimeError (full)."""
    def remove(self, line: Line) -> None:
        """Returns when no step uses the line any more; a duck or a pause that its barge-in had set is lifted.
        ValueError: not a line of this engine."""
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def step(self, now_ns: int) -> None:
        """Every tick due at `now_ns`, in order. The first step after making, start or stop begins the grid of ticks.
        RuntimeError while the thread runs; ValueError if `now_ns` falls or jumps over more than an hour."""
    @property
    def running(self) -> bool: ...
    def figures(self) -> dict[str, int]:
        """steps, ticks, windows, batches, wakes, busy_ns; of the thread: late_steps (more than a tick),
        max_lateness_ns, thread_id (0: none)."""
    def close(self) -> None: ...
    def __enter__(self) -> Engine: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

class DeviceCallbacks:
    """The C callbacks of csrc/device.h for one line; addresses for sounddevice's _StreamBase. Has the
    consumer's role of the port's playout. Keep it, and close both streams before close() or before letting it go."""
    def __init__(
        self,
        line: Line,
        *,
        input_channels: int = 1,
        output_channels: int = 1,
        output_latency_s: float = 0.0,
        input_latency_s: float = 0.0,
        detour_rate: int | None = None,
    ) -> None:
        """`detour_rate`: of the input stream, where `take` is to get what it brings, and not the line."""
    @property
    def line(self) -> Line: ...
    @property
    def input_callback(self) -> int: ...
    @property
    def output_callback(self) -> int: ...
    @property
    def userdata(self) -> int: ...
    @property
    def detoured(self) -> bool: ...
    def take(self) -> NDArray[np.float32]:
        """Of a detour: what the microphone has brought since the last call, mono at its rate; at most 2 s wait, what is
        more is dropped and counted (`detour_dropped`). One thread."""
    def set_latency(self, output_s: float, input_s: float) -> None: ...
    def figures(self) -> dict[str, int]: ...
    def close(self) -> None: ...
