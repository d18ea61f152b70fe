"""A session's calls as OpenTelemetry spans and metrics: `async with traced(session): async with session: ...`

    call ── turn ── stt, chat (the model), tts, playout, execute_tool
         └─ events: what failed, in the call's span

Made from the session's events by a task that looks on: nothing of it is on the audio path, and an exporter that is slow
loses events of its own, counted, and holds up nobody. Needs `rtaudio[telemetry]`, the API alone; which SDK records is
the program's affair. Where none is set when a session is entered, the session is not even looked at.

Names are those of the GenAI semantic conventions where they have one (`gen_ai.*`), else `rtaudio.*`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rtaudio.providers.packages import MissingPackageError
from rtaudio.voice import events as ev

try:
    from opentelemetry import metrics, trace
except ImportError as error:
    raise MissingPackageError(
        'rtaudio.integrations.opentelemetry needs opentelemetry-api; install it with: pip install "rtaudio[telemetry]"'
    ) from error

if TYPE_CHECKING:
    from rtaudio.voice.session import Session

NAME: Final = "rtaudio"
LATENCIES: Final = (
    *("turn_decided", "stt_final", "first_token", "first_clause", "first_audio", "first_sample", "heard"),
)
_BUCKETS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_OPERATION: Final = "gen_ai.operation.name"
# Tool calls that wait for the record of their answer (law 8); beyond them the oldest is put under the call.
_TOOLS_WAITING: Final = 64


@dataclass(frozen=True, slots=True)
class _ToolRun:
    event: ev.ToolFinished
    began_ns: int
    ended_ns: int


class CallTrace:
    """One call's spans and metrics, from its events in order. `now_ns`: the time of day when one is taken, in ns since
    1970; positions on the media clock are counted back from there, so that a line that stalled shifts nothing after."""

    def __init__(
        self,
        *,
        conversation: str = "",
        model: str = "",
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._tracer = trace.get_tracer(NAME, tracer_provider=tracer_provider)
        self._measures = _Measures(metrics.get_meter(NAME, meter_provider=meter_provider))
        self._now_ns, self._model = now_ns, model
        self._tools: list[_ToolRun] = []
        self._failure = ""  # of a provider, since the last record
        attributes = {_OPERATION: "invoke_agent", **({"gen_ai.conversation.id": conversation} if conversation else {})}
        self._call = self._tracer.start_span("call", start_time=now_ns(), attributes=attributes)
        self._over = False

    def take(self, event: ev.SessionEvent) -> None:
        now_ns = self._now_ns()

        def at(position_s: float) -> int:
            return now_ns - round((event.at_s - position_s) * 1e9)

        match event:
            case ev.TurnRecord():
                self._turn(event, at)
            case ev.ToolFinished():
                if len(self._tools) == _TOOLS_WAITING:
                    self._tool(self._tools.pop(0), self._call)
                self._tools.append(_ToolRun(event, at(event.at_s - event.took_for_s), now_ns))
            case ev.ProviderFailed():
                self._failure = f"{event.kind} {event.provider}: {event.what}"
                attributes = {"rtaudio.provider": event.provider, "rtaudio.kind": event.kind, "error.type": event.what}
                self._call.add_event("provider failed", attributes, timestamp=now_ns)
                self._measures.failures.add(1, {"rtaudio.kind": event.kind, "rtaudio.provider": event.provider})
            case ev.SessionClosed():
                self._call.set_attribute("rtaudio.close.reason", event.reason)
                self.end()

    def end(self) -> None:
        """Ends what is open; also for a session that was left before its end. May be called again."""
        if self._over:
            return
        self._over = True
        for run in self._tools:
            self._tool(run, self._call)
        self._call.end(self._now_ns())

    def _turn(self, record: ev.TurnRecord, at: Callable[[float], int]) -> None:
        self._measures.take(record, self._model)
        moments = record.moments
        known = [moments.speech_ended_s, moments.asked_s, moments.first_clause_s, moments.ended_s]
        began_s = next(moment for moment in known if moment is not None)
        turn = self._span("turn", self._call, at(began_s), _attributes_of(record))
        if record.outcome == "failed":
            turn.set_status(trace.StatusCode.ERROR, self._failure)
        self._failure = ""
        for name, begin, end, attributes in (
            ("stt", moments.speech_ended_s, moments.stt_final_s, {"rtaudio.audio.user": record.user_for_s}),
            ("chat", moments.asked_s, moments.text_ended_s, self._chat(record)),
            ("tts", moments.first_clause_s, moments.audio_ended_s, {"rtaudio.tts.characters": record.characters}),
            ("playout", moments.first_sample_s, moments.ended_s, {"rtaudio.audio.heard": record.heard_for_s}),
        ):
            if begin is not None and end is not None:
                self._span(name, turn, at(min(begin, end)), attributes).end(at(end))
        for run in self._tools:
            self._tool(run, turn)
        self._tools.clear()
        turn.end(at(moments.ended_s))

    def _chat(self, record: ev.TurnRecord) -> dict[str, Any]:
        told = {
            "gen_ai.request.model": self._model or None,
            "gen_ai.usage.input_tokens": record.prompt_tokens,
            "gen_ai.usage.output_tokens": record.completion_tokens,
            "gen_ai.usage.cache_read.input_tokens": record.cached_tokens,
        }
        return {_OPERATION: "chat", **{name: value for name, value in told.items() if value is not None}}

    def _tool(self, run: _ToolRun, parent: trace.Span) -> None:
        attributes = {
            _OPERATION: "execute_tool",
            "gen_ai.tool.name": run.event.tool,
            "gen_ai.tool.call.id": run.event.call_id,
            "rtaudio.outcome": run.event.outcome,
        }
        span = self._span(f"execute_tool {run.event.tool}", parent, run.began_ns, attributes)
        if run.event.outcome == "failed":
            span.set_status(trace.StatusCode.ERROR)
        span.end(run.ended_ns)

    def _span(self, name: str, parent: trace.Span, start_ns: int, attributes: dict[str, Any]) -> trace.Span:
        within = trace.set_span_in_context(parent)
        return self._tracer.start_span(name, within, start_time=start_ns, attributes=attributes)


class _Measures:
    """The instruments."""

    def __init__(self, meter: metrics.Meter) -> None:
        self.latency = meter.create_histogram(
            "rtaudio.turn.latency",
            "s",
            "From the end of the user's speech to each step of the answer",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=_BUCKETS
        )
        self.tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}")
        self.audio = meter.create_counter("rtaudio.audio", "s", "Audio recognised, synthesised and heard")
        self.characters = meter.create_counter("rtaudio.tts.characters", "{character}")
        self.answers = meter.create_counter("rtaudio.answers", "{answer}", "By how they ended")
        self.given_up = meter.create_counter("rtaudio.replies.given_up", "{reply}")
        self.tools = meter.create_counter("rtaudio.tools", "{call}")
        self.failures = meter.create_counter("rtaudio.provider.failures", "{failure}")

    def take(self, record: ev.TurnRecord, model: str) -> None:
        self.answers.add(1, {"rtaudio.outcome": record.outcome})
        if record.turn and record.steps:
            for name in LATENCIES:
                if (value := getattr(record.steps[0], f"{name}_s")) is not None and value >= 0:
                    self.latency.record(value, {"rtaudio.step": name})
        chat = {_OPERATION: "chat", **({"gen_ai.request.model": model} if model else {})}
        moments = record.moments
        if moments.asked_s is not None and moments.text_ended_s is not None:
            self.duration.record(moments.text_ended_s - moments.asked_s, chat)
        for kind, count in (("input", record.prompt_tokens), ("output", record.completion_tokens)):
            if count is not None:
                self.tokens.record(count, {**chat, "gen_ai.token.type": kind})
        for what in ("user", "synthesised", "heard"):
            self.audio.add(getattr(record, f"{what}_for_s"), {"rtaudio.audio.kind": what})
        self.characters.add(record.characters)
        self.given_up.add(record.given_up)
        self.tools.add(record.tools)


def _attributes_of(record: ev.TurnRecord) -> dict[str, Any]:
    return {
        "rtaudio.turn": record.turn,
        "rtaudio.reply": record.reply,
        "rtaudio.outcome": record.outcome,
        "rtaudio.steps": len(record.steps),
        "rtaudio.given_up": record.given_up,
        "rtaudio.audio.synthesised": record.synthesised_for_s,
        "rtaudio.audio.heard": record.heard_for_s,
    }


@asynccontextmanager
async def traced(
    session: Session,
    *,
    conversation: str = "",
    model: str = "",
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
    now_ns: Callable[[], int] = time.time_ns,
    bound: int = 1024,
) -> AsyncIterator[None]:
    """Spans and metrics of `session`, from now until it is closed or the block is left. To be entered before the
    session is, and left after it. `conversation`, `model`: for `gen_ai.conversation.id` and `gen_ai.request.model`.
    Providers: by default what the program has set for the whole process."""
    if not (
        _records(tracer_provider or trace.get_tracer_provider())
        or _records(meter_provider or metrics.get_meter_provider())
    ):
        yield
        return
    call = CallTrace(
        conversation=conversation,
        model=model,
        tracer_provider=tracer_provider,
        meter_provider=meter_provider,
        now_ns=now_ns,
    )
    events = session.events(bound)

    async def watch() -> None:
        async for event in events:
            call.take(event)

    watching = asyncio.create_task(watch(), name="telemetry of a session")
    try:
        yield
    finally:
        if not session.closed:
            watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await events.aclose()
        call.end()


def _records(provider: object) -> bool:
    """Whether anything becomes of what it is told: the API's own stand-ins drop it."""
    return not any(word in type(provider).__name__ for word in ("Proxy", "NoOp"))
