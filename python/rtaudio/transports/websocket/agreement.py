"""Which version, rates and formats two sides speak: the first of the client's that the server can, too. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rtaudio.transports.websocket.frames import ProtocolError
from rtaudio.transports.websocket.messages import RPC, Able, Agreed, Hello, Welcome

VERSION: Final = 1
FORMATS: Final = ("pcm16",)
FEATURES: Final = (RPC,)
INPUT_RATES: Final = (16000, 8000, 24000, 32000, 44100, 48000)
OUTPUT_RATES: Final = (24000, 16000, 48000, 8000)
"""Of what a line takes and a playout puts out, those that are of use on a network."""


def agree(hello: Hello, *, call: str, lead_ms: int, server: str) -> Welcome:
    """What is answered to `hello`. ProtocolError: there is nothing in common."""
    if VERSION not in hello.versions:
        raise ProtocolError(4001, f"this server speaks version {VERSION}, the client {hello.versions[:8]}")
    return Welcome(
        version=VERSION,
        call=call,
        input=_agreed("send", hello.input, INPUT_RATES),
        output=_agreed("play", hello.output, OUTPUT_RATES),
        lead_ms=lead_ms,
        server=server,
        features=[name for name in FEATURES if name in hello.features],
    )


def _agreed(verb: str, able: Able, rates: Sequence[int]) -> Agreed:
    rate = next((rate for rate in able.rates if rate in rates), None)
    if rate is None:
        raise ProtocolError(4003, f"no rate to {verb} in common: the server takes {', '.join(map(str, rates))} Hz")
    format_ = next((name for name in able.formats if name in FORMATS), None)
    if format_ is None:
        raise ProtocolError(4003, f"no format to {verb} in common: the server takes {', '.join(FORMATS)}")
    return Agreed(rate=rate, format=format_)
