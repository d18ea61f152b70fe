"""Which calls between an agent and its client are under way. Pure: no clock, no task; times are given, in seconds.

    asked     SENT ──Ack──► ACKED            each ──Result, Failure──► over
              SENT ──ack_timeout_s──► over (1501), Cancel is sent
              each ──its timeout_s──► over (1502), Cancel is sent       each ──drop──► over, Cancel is sent
    served    RUNNING ──end──► over (answered)
              RUNNING ──Cancel──► DROPPED ──end──► over (not answered)

An answer to what is over or was never asked is counted and dropped; so is a request whose id was there before. DROPPED
keeps its place until it has stopped, so that what does not stop cannot pile up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rtaudio.voice.rpc import (
    MOST_METHOD_CHARS,
    MOST_PAYLOAD,
    MOST_TIMEOUT_S,
    Ack,
    Answer,
    Cancel,
    Failure,
    Request,
    Result,
    RpcCode,
    RpcError,
)

AT_ONCE: Final = 16
"""Calls under way, each way."""
ACK_TIMEOUT_S: Final = 5.0
"""Long enough for a mobile line that stands still for some seconds."""
REMEMBERED: Final = 256
"""Ids of requests, to know those that come twice."""


@dataclass(frozen=True, slots=True)
class Over:
    """A call that was asked has ended: with the JSON text of its result, or why with none."""

    id: int
    outcome: str | RpcError


@dataclass(slots=True)
class _Call:
    ack_by_s: float | None
    answer_by_s: float

    @property
    def due_s(self) -> float:
        return self.answer_by_s if self.ack_by_s is None else min(self.ack_by_s, self.answer_by_s)


class Asked:
    """Calls of this side."""

    def __init__(self, at_once: int = AT_ONCE, ack_timeout_s: float = ACK_TIMEOUT_S) -> None:
        self._at_once, self._ack_timeout_s = at_once, ack_timeout_s
        self._calls: dict[int, _Call] = {}
        self._last = 0
        self.late = 0
        """Answers to nothing that is under way."""

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def due_s(self) -> float | None:
        """When `expire` has something to do."""
        return min((call.due_s for call in self._calls.values()), default=None)

    def begin(self, method: str, params: str, timeout_s: float, now_s: float) -> Request:
        """A new call. Raises RpcError where it cannot be, ValueError for what no call can have."""
        if not 0 < len(method) <= MOST_METHOD_CHARS or not method.isprintable():
            raise ValueError(f"a method's name has 1 to {MOST_METHOD_CHARS} printable characters, not {method[:80]!r}")
        if not 0 < timeout_s <= MOST_TIMEOUT_S:
            raise ValueError(f"timeout_s = {timeout_s}: it must lie within 0 and {MOST_TIMEOUT_S:g}")
        if (size := len(params.encode())) > MOST_PAYLOAD:
            why = f"the parameters of {method} have {size} bytes; at most {MOST_PAYLOAD} are carried"
            raise RpcError(RpcCode.REQUEST_PAYLOAD_TOO_LARGE, why)
        if len(self._calls) >= self._at_once:
            raise RpcError(RpcCode.TOO_MANY_CALLS, f"{self._at_once} calls are under way already")
        self._last += 1
        self._calls[self._last] = _Call(now_s + self._ack_timeout_s, now_s + timeout_s)
        return Request(self._last, method, params, timeout_s)

    def take(self, answer: Answer) -> Over | None:
        """What the answer ends; None: nothing."""
        if (call := self._calls.get(answer.id)) is None:
            self.late += 1
            return None
        match answer:
            case Ack():
                if call.ack_by_s is None:
                    self.late += 1
                call.ack_by_s = None
                return None
            case Result(value=value):
                del self._calls[answer.id]
                if (size := len(value.encode())) > MOST_PAYLOAD:
                    why = f"the result has {size} bytes; at most {MOST_PAYLOAD} are taken"
                    return Over(answer.id, RpcError(RpcCode.RESPONSE_PAYLOAD_TOO_LARGE, why))
                return Over(answer.id, value)
            case Failure():
                del self._calls[answer.id]
                return Over(answer.id, RpcError(answer.code, answer.text))

    def expire(self, now_s: float) -> list[Over]:
        """Those whose time is over; each is to be cancelled on the other side."""
        over = []
        for id_, call in list(self._calls.items()):
            if now_s >= call.answer_by_s:
                over.append(Over(id_, RpcError(RpcCode.RESPONSE_TIMEOUT, "no answer came in time")))
            elif call.ack_by_s is not None and now_s >= call.ack_by_s:
                why = f"nobody took the call within {self._ack_timeout_s:g} s"
                over.append(Over(id_, RpcError(RpcCode.CONNECTION_TIMEOUT, why)))
        for each in over:
            del self._calls[each.id]
        return over

    def drop(self, id_: int) -> Cancel | None:
        """Nobody waits for it any more; None: it is over."""
        return Cancel(id_) if self._calls.pop(id_, None) is not None else None

    def gone(self, why: str) -> list[Over]:
        """The other side is gone: each call ends."""
        over = [Over(id_, RpcError(RpcCode.RECIPIENT_DISCONNECTED, why)) for id_ in self._calls]
        self._calls.clear()
        return over


class Served:
    """Calls of the other side."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._wanted: dict[int, bool] = {}
        self._seen: dict[int, None] = {}
        self._forgotten = 0  # the highest id that is no longer in `_seen`
        self.duplicates = self.refused = 0

    def __len__(self) -> int:
        return len(self._wanted)

    def take(self, request: Request, known: bool) -> Ack | Failure | None:
        """Ack: it is to be run. Failure: it is not. None: it was there before."""
        if request.id <= self._forgotten or request.id in self._seen:
            self.duplicates += 1
            return None
        self._seen[request.id] = None
        if len(self._seen) > REMEMBERED:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._forgotten = max(self._forgotten, oldest)
        if not known:
            return self._refuse(request, RpcCode.UNSUPPORTED_METHOD, f"there is no method {request.method[:64]!r}")
        if (size := len(request.params.encode())) > MOST_PAYLOAD:
            why = f"the parameters have {size} bytes; at most {MOST_PAYLOAD} are taken"
            return self._refuse(request, RpcCode.REQUEST_PAYLOAD_TOO_LARGE, why)
        if len(self._wanted) >= self._at_once:
            return self._refuse(request, RpcCode.TOO_MANY_CALLS, f"{self._at_once} calls are under way already")
        self._wanted[request.id] = True
        return Ack(request.id)

    def cancel(self, id_: int) -> bool:
        """Whether it runs and was wanted until now."""
        if not self._wanted.get(id_, False):
            return False
        self._wanted[id_] = False
        return True

    def end(self, id_: int) -> bool:
        """It has stopped. Whether its answer is wanted."""
        return self._wanted.pop(id_, False)

    def _refuse(self, request: Request, code: RpcCode, text: str) -> Failure:
        self.refused += 1
        return Failure(request.id, code, text)
