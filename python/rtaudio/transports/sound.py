"""A port at the microphone and the loudspeaker of this machine.

    with SoundCard(engine, wake=wake) as card:
        async with Session(card.port, agent, ..., wake=wake) as session:
            card.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(card.watch())
                ...

PortAudio's threads call C (csrc/device.h): the microphone's block goes into the line's input ring, the loudspeaker's
comes out of the playout. No Python runs in between, so a blocked event loop stops neither (law 4). Input and output are
two streams: sound servers refuse or disturb a single one for both, and their clocks may differ.

    NEW ─ open ─► OPEN ─ start ─► RUNNING
     └──────────────┴────────────────┴──── close ─► CLOSED

What is opened is undone in the reverse order, on errors too: streams are closed before the memory their callbacks use.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Literal, NoReturn, Self

from rtaudio.core import MIC_RATE, AudioPort, DetectorConfig, Engine, Line, Wake, clock_ns
from rtaudio.transports.cancelling import CancellerUnavailable, Cancelling, Processor, WebrtcProcessor
from rtaudio.transports.feeder import Feeder
from rtaudio.transports.sound_devices import (
    SPOKEN,
    Kind,
    SoundDevice,
    SoundUnavailable,
    choose,
    list_devices,
)
from rtaudio.transports.sound_streams import Streams

__all__ = ["CancellerUnavailable", "SoundCard", "SoundDevice", "SoundUnavailable", "list_devices"]

State = Literal["new", "open", "running", "closed"]

LOOK_EVERY_S: Final = 0.2
STALLED_AFTER_S: Final = 2.0
"""A device without a callback for that long is taken for gone; sound servers under load make pauses of 0.1 s."""
SHORTEST_BLOCK_S: Final = 0.002
LONGEST_BLOCK_S: Final = 0.2


class SoundCard:
    """A microphone and a loudspeaker with a port between them, driven by `engine`.

    The card makes the port, adds it to the engine as a device line, and takes all of it down again in `close()`. It
    neither starts nor closes the engine, and does not close `wake`. All calls from one thread. `open` and `close` block
    for as long as the device takes: tenths of a second, `close` at most 3 s.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        input: int | str | None = None,
        output: int | str | None = None,
        rate: int | None = None,
        block_s: float = 0.02,
        wake: Wake | int | None = None,
        detector: DetectorConfig | None = None,
        outside_vad: bool = False,
        echo_cancel: Literal["webrtc"] | Processor | None = None,
        on_failure: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        """Opens nothing yet.

        `input`, `output`: index of a device or a part of its name; None: the system's default. `rate`: of the
        loudspeaker and with it of the port, 8, 16, 24 or 48 kHz; None: the device's own if it is one of these, else the
        highest that it takes. The microphone runs at its own rate. `block_s`: time between callbacks, 2..200 ms:
        shorter is quicker, and less patient with a busy machine. `wake`, `detector`, `outside_vad`: as in
        Engine.add.

        `echo_cancel`: takes the agent's voice out of what the microphone hears, "webrtc" (extra `echo`) or a processor
        of one's own; None: the echo guard alone. It runs on a feeder thread (rtaudio.transports.feeder): what is heard
        is then as late as Python may be, what is played is not. `on_failure` is told, on that thread, when it fails;
        the microphone then passes through. CancellerUnavailable: its package is missing.
        """
        if not SHORTEST_BLOCK_S <= block_s <= LONGEST_BLOCK_S:  # false for NaN, too
            raise ValueError(f"block_s = {block_s}: must lie in {SHORTEST_BLOCK_S}..{LONGEST_BLOCK_S} seconds")
        self._engine = engine
        self._wanted: dict[Kind, int | str | None] = {"input": input, "output": output}
        self._rate = rate
        self._block_s = block_s
        self._wake = wake
        self._detector = detector
        self._outside_vad = outside_vad
        self._processor = WebrtcProcessor() if echo_cancel == "webrtc" else echo_cancel
        self._on_failure = on_failure
        self._cancelling: Cancelling | None = None
        self._feeder: Feeder | None = None
        self._state: State = "new"
        self._undo = ExitStack().close
        self._last_figures: dict[str, int] = {}

    # ---- Life.

    def open(self) -> None:
        """Finds the devices, makes the port and its line, opens both streams; no sound moves yet.

        SoundUnavailable: no PortAudio, no such device, or it refuses. Then nothing is left behind.
        """
        self._expect("new")
        self._speaker = choose("output", self._wanted["output"], self._rate)
        self._mic = choose("input", self._wanted["input"])
        processor, rate = self._processor, self._mic.rate
        with ExitStack() as undo:
            self._port = AudioPort(self._speaker.rate)
            undo.callback(self._port.close)
            self._line = self._engine.add(
                self._port,
                kind="device",
                input_rate=rate if processor is None else MIC_RATE,
                upstream_delay_s=0.0 if processor is None else Cancelling.delay_s(processor, rate),
                cleaned=processor is not None,
                detector=self._detector,
                wake=self._wake,
                outside_vad=self._outside_vad,
            )
            undo.callback(_remove, self._engine, self._line)
            self._streams = Streams(self._line, self._mic, self._speaker, self._block_s, detour=processor is not None)
            undo.callback(self._streams.close)
            if processor is not None:
                self._cancelling = Cancelling(self._line, processor, input_rate=rate, own_clocks=True)
                self._feeder = Feeder(self._streams.callbacks.take, self._cancelling, on_failure=self._on_failure)
                undo.callback(self._feeder.close)
            # Also where nobody closes the card: PortAudio must not call into memory that is gone.
            self._undo = weakref.finalize(self, undo.pop_all().close)
        self._state = "open"

    def start(self) -> None:
        """Lets the sound move: from now the playout is pulled and the microphone heard. Started before: does nothing.

        Call it when the session is ready. SoundUnavailable: a device refuses; the card is closed then.
        """
        if self._state == "running":
            return
        self._expect("open")
        try:
            self._streams.start()
            if self._feeder is not None:
                self._feeder.start()
        except BaseException:
            self.close()
            raise
        self._state = "running"

    def close(self) -> None:
        """Stops both streams at once (what the device still holds is not played), gives the playout back, closes the
        port. May be called again, and after a device was lost."""
        if self._state in ("open", "running"):
            self._last_figures = self.figures()
        self._state = "closed"
        self._undo()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    # ---- What there is.

    @property
    def state(self) -> State:
        """new, open, running or closed."""
        return self._state

    @property
    def port(self) -> AudioPort:
        """At the loudspeaker's rate. Belongs to the card."""
        self._expect("open", "running")
        return self._port

    @property
    def line(self) -> Line:
        """The port under the engine."""
        self._expect("open", "running")
        return self._line

    @property
    def input(self) -> SoundDevice:
        """The microphone."""
        self._expect("open", "running")
        return self._mic.device

    @property
    def output(self) -> SoundDevice:
        """The loudspeaker."""
        self._expect("open", "running")
        return self._speaker.device

    @property
    def output_latency_s(self) -> float:
        """From the playout to the loudspeaker: the last callback's, or before the first the stream's own word."""
        self._expect("open", "running")
        seen_ns = self._streams.callbacks.figures()["output_latency_ns"]
        return seen_ns / 1e9 if seen_ns else self._streams.output_latency_s

    def figures(self) -> dict[str, int]:
        """Counters and times of csrc/device.h and of the line, with `rate`, `input_rate` and the channels. After
        `close`: the last ones."""
        if self._state not in ("open", "running"):
            return dict(self._last_figures)
        return {
            "rate": self._speaker.rate,
            "input_rate": self._mic.rate,
            "output_channels": self._speaker.channels,
            "input_channels": self._mic.channels,
            **self._streams.callbacks.figures(),
            **self._line.figures(),
            **({f"cancel_{k}": v for k, v in self._cancelling.figures().items()} if self._cancelling else {}),
        }

    # ---- A device that goes away.

    def check(self) -> None:
        """SoundUnavailable: a stream has ended by itself (unplugged, sound server gone), or the feeder thread has."""
        self._expect("open", "running")
        if self._feeder is not None and self._feeder.died is not None:
            raise SoundUnavailable(
                f"the thread that feeds the microphone to the echo canceller ended: {self._feeder.died}; start again, "
                f"or go without it (echo_cancel=None)"
            ) from self._feeder.died
        kind = self._streams.ended.kind
        if kind is not None:
            raise _gone(kind, self._speaker.device if kind == "output" else self._mic.device, "its stream ended")

    async def watch(self) -> NoReturn:
        """Raises SoundUnavailable once a device is gone: its stream ended, or gave no callback for 2 s.

        Run it beside the session, in a task group. Needs a running card; the event loop may be blocked meanwhile.
        """
        self._expect("running")
        seen: dict[Kind, tuple[int, int]] = {}  # callbacks counted, and when that count was new
        devices: dict[Kind, SoundDevice] = {"output": self._speaker.device, "input": self._mic.device}
        while True:
            self._expect("running")
            self.check()
            figures, now_ns = self.figures(), clock_ns()
            for kind, device in devices.items():
                count = figures[f"{kind}_callbacks"]
                before, since_ns = seen.get(kind, (-1, now_ns))
                if count != before:
                    seen[kind] = (count, now_ns)
                elif now_ns - since_ns > STALLED_AFTER_S * 1e9:
                    raise _gone(kind, device, f"it moved no sound for {STALLED_AFTER_S:g} s")
            await asyncio.sleep(LOOK_EVERY_S)

    # ---- Inside.

    def _expect(self, *states: State) -> None:
        if self._state not in states:
            raise RuntimeError(f"the sound card is {self._state}; this needs it {' or '.join(states)}")


def _remove(engine: Engine, line: Line) -> None:
    if not line.removed:  # an engine that was closed has let go of it
        engine.remove(line)


def _gone(kind: Kind, device: SoundDevice, what: str) -> SoundUnavailable:
    return SoundUnavailable(
        f"the {SPOKEN[kind]} {device.name!r} is gone: {what}. It was unplugged, or the sound server stopped; start "
        f"again when it is back, or choose another (rtaudio devices)"
    )
