"""Bindings of csrc/rtp.h, csrc/codec.h, csrc/jitter.h, csrc/jitter_play.h: RTP (RFC 3550), codecs, jitter buffer.

RTP: any thread, nothing keeps a state. A `Decoder`, an `Encoder`, a `JitterBuffer` is used by one thread at a time.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

class RtpMalformed(ValueError):
    """These bytes are no RTP packet; the message says what is wrong with them."""

class RtpPacket:
    """One RTP packet (RFC 3550, section 5.1). Its bytes are its own: they outlive the buffer it was parsed from."""

    payload_type: int
    """0 .. 127."""
    marker: bool
    seq: int
    """0 .. 65535."""
    timestamp: int
    """In ticks of the codec's clock, 0 .. 2**32 - 1."""
    ssrc: int
    csrcs: tuple[int, ...]
    """Contributing sources, at most 15."""
    extension: tuple[int, bytes] | None
    """Of the header: (profile, data); the data a whole number of 32-bit words."""
    payload: bytes
    padding_bytes: int
    """Behind the payload, its count included; 0: none."""
    def __init__(
        self,
        payload_type: int,
        seq: int,
        timestamp: int,
        ssrc: int,
        payload: Buffer = b"",
        *,
        marker: bool = False,
        csrcs: Iterable[int] = (),
        extension: tuple[int, Buffer] | None = None,
        padding_bytes: int = 0,
    ) -> None:
        """ValueError for what does not fit into its field."""

    @staticmethod
    def parse(data: Buffer) -> RtpPacket:
        """Reads one packet. Whatever the bytes are, the only error is `RtpMalformed`."""

    def build(self) -> bytes:
        """The packet as it is sent. ValueError: longer than 65535 bytes."""

def is_rtcp(data: Buffer) -> bool:
    """Whether bytes that came in on a port shared with RTP are RTCP (RFC 5761): ask before `RtpPacket.parse`."""

def opus_version() -> str:
    """What libopus says of itself, as "libopus 1.6.1". `OpusMissing` where there is none."""

class Decoder:
    """One stream of payloads in, samples out: "pcm16" (little-endian), "l16" (big-endian), "pcmu", "pcma", "opus", "cn"
    (comfort noise). The rules are in csrc/codec.h. Payloads are decoded as they follow one another.
    """

    codec: str
    rate: int
    channels: int
    clock_rate: int
    """Of its RTP timestamps: 48000 for Opus, whatever the rate; else the rate."""
    delay_samples: int
    """Declared: 0. Opus's delay is declared as a whole by its encoder."""
    conceals: bool
    """Whether `conceal` is there: "opus", and "cn" (noise at the level told)."""
    def __init__(self, codec: str, rate: int, *, channels: int = 1) -> None:
        """rate 8000 .. 48000; Opus 8, 12, 16, 24 or 48 kHz. channels 1 or 2. ValueError says what is out of range;
        `OpusMissing`: there is no libopus."""

    def decode(self, payload: Any) -> NDArray[np.int16]:
        """The samples of the next payload (any buffer of bytes): [n], or [n, 2] with two channels; none of an empty
        payload or of comfort noise. ValueError: malformed, nothing was done. An Opus packet that looks right and is not
        gives its samples, concealed."""

    def decode_fec(self, next_payload: Any) -> NDArray[np.int16]:
        """The samples just before a payload, out of what it carries of them (Opus FEC); empty if it carries nothing.
        Then `decode` the payload itself. ValueError: malformed."""

    def conceal(self, samples: int) -> NDArray[np.int16]:
        """So many samples (of each channel, at most 480000) in place of some that never came. How they are cut into
        calls does not matter. ValueError: this codec has no concealment of its own."""

    def reset(self) -> None:
        """As newly made: nothing of what was before is in what comes after."""

class Encoder:
    """Frames of samples in, payloads out; codecs as in `Decoder` but for "cn". The rules are in csrc/codec.h."""

    codec: str
    rate: int
    channels: int
    clock_rate: int
    """Of its RTP timestamps: 48000 for Opus, whatever the rate; else the rate."""
    frame_samples: int
    """Of each channel, in every frame."""
    delay_samples: int
    """Declared: encoded and decoded, sample n is sample n - delay_samples of what went in. Opus: 6.5 ms; else 0."""
    def __init__(
        self,
        codec: str,
        rate: int,
        *,
        channels: int = 1,
        frame_s: float = 0.02,
        bitrate: int | None = None,
        complexity: int | None = None,
        dtx: bool = False,
        fec: bool = False,
        expected_loss: float = 0.1,
    ) -> None:
        """frame_s: 0.01, 0.02, 0.04 or 0.06. Of Opus: bitrate 6000 .. 256000 bit/s (None: 24000 for each channel);
        complexity 0 .. 10 (None: 5); dtx: nothing is sent in silence; fec: each packet carries the one before it once
        more, more coarsely; expected_loss, 0 .. 0.5: how much of the bit rate that may take. ValueError says what is
        out of range; `OpusMissing`: there is no libopus.
        """

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """One frame: [frame_samples], or [frame_samples, 2] (or interleaved) with two channels; contiguous. b"":
        nothing is to be sent (DTX)."""

    def reset(self) -> None:
        """As newly made: nothing of what was before is in what comes after."""

class RtpConfig:
    """As what sound is sent, by a line (``Engine.add(port, kind="network", rtp=RtpConfig("pcmu", 8000, payload_type=0),
    ...)``) or by an `RtpSender`. Immutable. ssrc, seq, timestamp: of the first packet; None: at random, as RFC 3550
    wants, and anew for each that it is given to. The rest as in `Encoder`. ValueError says what is out of range."""

    codec: str
    rate: int
    payload_type: int
    clock_rate: int
    """Of the timestamps: 48000 for Opus, else the rate."""
    frame_s: float
    def __init__(
        self,
        codec: str,
        rate: int,
        *,
        payload_type: int,
        ssrc: int | None = None,
        seq: int | None = None,
        timestamp: int | None = None,
        frame_s: float = 0.02,
        bitrate: int | None = None,
        complexity: int | None = None,
        dtx: bool = False,
        fec: bool = False,
        expected_loss: float = 0.1,
    ) -> None: ...
    @property
    def capsule(self) -> object:
        """For `Engine.add`, which copies it."""

class RtpSender:
    """From what is put out, sample by sample, to the RTP packets of one stream: resampled, framed, encoded. The rules
    are in csrc/rtp_sender.h. Sans-IO: whoever has a socket sends them.

    Sequence numbers have no gap; a timestamp says how many samples were written before, through silence, flushes and
    stalls. The marker is on the first packet, and on the first with sound after a silence that was announced.
    """

    config: RtpConfig
    input_rate: int
    delay_samples: int
    """Declared, at the codec's rate: the resampler's and the encoder's."""
    ssrc: int
    def __init__(self, input_rate: int, config: RtpConfig) -> None:
        """input_rate: of what is written; the codec's rate must be 8, 16, 24 or 48 kHz unless they are the same.
        ValueError says what is out of range; `OpusMissing`: there is no libopus."""

    def write(self, samples: NDArray[np.float32]) -> list[bytes]:
        """Takes samples ([n], contiguous, finite); gives the packets that they complete."""

    def cut(self) -> None:
        """What is written from now on comes after a flush: the encoder begins anew, before the frame in which this
        lies."""

    def figures(self) -> dict[str, int]:
        """Counters: samples, packetsSent and bytesSent (of payloads; names as in W3C webrtc-stats), frames,
        silent_frames (of which no packet was made), cuts."""

class JitterFrame:
    """What a `JitterBuffer` gives."""

    kind: Literal["audio", "concealed", "silence", "link_lost", "link_back"]
    """concealed: in place of packets that never came, so no silence of the user's. silence: of the sender's, as comfort
    noise. The last two carry no samples."""
    samples: NDArray[np.int16]
    """[n], or [n, 2] of a stream with two channels."""
    position: int
    """Of the first sample on the media clock: how many were given before."""
    seq: int | None
    """Of the packet (audio), as it was put; these two in listen mode only."""
    timestamp: int | None
    arrival_ns: int | None

class PacketConfig:
    """How the packets of a network line are read: ``Engine.add(port, kind="network", packets=PacketConfig(8000,
    payload_types={0: "pcmu", 8: "pcma"}))``. Immutable; settings as in `JitterBuffer`, which says what is wrong."""

    rate: int
    waiting_packets: int
    def __init__(
        self,
        rate: int,
        *,
        waiting_packets: int = 512,
        codec: str = "pcm16",
        payload_types: Mapping[int, str] | None = None,
        channels: int = 1,
        capacity_packets: int = 256,
        packet_s: float | None = None,
        conceal_s: float = 1.0,
        wait_least_s: float = 0.06,
        wait_most_s: float = 0.12,
        link_lost_s: float = 5.0,
    ) -> None:
        """waiting_packets: that may wait for the engine's tick; a power of two, at most 4096. Two channels are
        mixed."""

    def buffer(self) -> JitterBuffer:
        """One like the line's."""

    @property
    def capsule(self) -> object:
        """For `Engine.add`."""

    def to_dict(self) -> dict[str, Any]:
        """The settings by name, those that were given: `from_dict` makes it again of them. With Opus also `opus`: the
        version of libopus here, for whoever stores packets."""
    @staticmethod
    def from_dict(settings: dict[str, Any]) -> PacketConfig:
        """From what `to_dict` gave, also through JSON."""

def packet_figures(capsule: object) -> dict[str, float]:
    """For `Line.link_figures`."""

class JitterBuffer:
    """From RTP packets that come when they like to sound on a media clock.

    mode="listen", for an agent's ear: packets in order come out at once. A gap waits, as long as packets have been
    overtaken on this line, and is then concealed and marked. Media time stands still while a link stalls, runs on under
    announced silence, and after a stall everything comes out in a burst. The rules are a table in csrc/jitter.h.

    mode="play", for a person's: 10 ms of sound at every `get`, which is to be called every 10 ms. Packets are held back
    by a target that follows the line; sound is stretched by pitch periods to keep to it. The table is in
    csrc/jitter_play.h.

    Sans-IO: times are arguments, in nanoseconds of any clock that does not go back. Memory is bounded, allocated here.
    """

    rate: int
    channels: int
    mode: str
    due_ns: int | None
    """When `get` will next have something if no packet comes; None: never (and always in play mode)."""
    def __init__(
        self,
        rate: int,
        *,
        mode: Literal["listen", "play"] | str = "listen",
        codec: str = "pcm16",
        payload_types: Mapping[int, str] | None = None,
        channels: int = 1,
        capacity_packets: int = 256,
        packet_s: float | None = None,
        conceal_s: float = 1.0,
        wait_least_s: float = 0.06,
        wait_most_s: float = 0.12,
        link_lost_s: float = 5.0,
        late: float = 0.01,
        target_least_s: float = 0.0,
        target_most_s: float = 1.0,
        target_start_s: float = 0.04,
        rule: Literal["ours", "neteq"] | str = "ours",
    ) -> None:
        """`codec` of every payload type: "pcm16" (little-endian), "l16" (big-endian), "pcmu", "pcma", "opus", "cn"
        (announces silence), "none" (takes its place in the sequence without a sound). `payload_types` gives them by
        number instead; others then have no sound. 13 is "cn" unless given. Channels are interleaved. With Opus
        timestamps count at 48 kHz whatever the rate is, and other codecs may be beside it at 48000 only. `OpusMissing`:
        there is no libopus.

        rate 8000 .. 48000, of the samples. packet_s: the longest packet taken (None: 0.06, with Opus 0.12). conceal_s:
        the longest gap filled. wait_*: bounds for the wait for a missing packet (both 0: never wait, for a way in that
        keeps the order); these two in listen mode.

        Of play mode: late: the share of packets that may come too late, the knob between delay and loss. target_*:
        bounds of the target, and where it begins. rule: "neteq" for comparison. ValueError says what is out of range.
        """

    def put(
        self, seq: int, timestamp: int, arrival_ns: int, payload: Any, *, payload_type: int = 0, ssrc: int = 0
    ) -> str:
        """Takes a packet in (payload: any buffer of bytes); says what became of it.

        "taken"; "late": its place was given up, it is discarded; "duplicate"; "held": of another source, or far off in
        the sequence: waits for one more of its kind; "restarted": this one and the held one begin a new sequence;
        "too_long", "not_whole": refused, and counted as such. ValueError only for numbers that no field can hold.
        """

    def get(self, now_ns: int) -> JitterFrame | None:
        """The next frame, or None: nothing now; call until None.

        In play mode always 10 ms, to be played at now_ns; its kind is "concealed" or "silence" if any of it is, and
        timestamp (audio) that of its first sample.
        """

    def figures(self) -> dict[str, float]:
        """Counters since the beginning, named as in W3C webrtc-stats where it has a name; cheap.

        Packets: received = used + late_discarded + duplicate + superseded + queued, and
        expected = received_unique + missing, exactly, at any time. Samples: totalSamplesReceived = concealedSamples +
        silenceSamples + jitterBufferEmittedCount; in play mode totalSamplesReceived + bufferedSamples is that plus
        insertedSamplesForDeceleration - removedSamplesForAcceleration. fecPacketsReceived: packets that carried Opus
        FEC; fecPacketsDiscarded: of them, not needed; fecRecoveredSamples: given out of it, and counted in
        jitterBufferEmittedCount. corrupt: packets that could not be decoded, and were concealed. interruptions:
        concealment of 150 ms and more. wait_s, target_s: the present wait for a missing packet (listen), the present
        target (play). jitter: RFC 3550's, seconds.
        """
