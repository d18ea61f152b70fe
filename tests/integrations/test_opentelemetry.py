"""Spans and metrics of a simulated conversation, as the SDK's in-memory exporters got them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed: it is part of rtaudio[test]")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from rtaudio.integrations.opentelemetry import traced
from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, Simulation, run
from rtaudio.voice import Agent, ToolCall, TurnRecord, Usage
from rtaudio.voice.clock import now_ns
from rtaudio.voice.tools import tool
from tests.voice.conversations import LONG, Cast, caller_with


@tool
async def look() -> str:
    """Looks."""
    await asyncio.sleep(0.5)
    return "found"


class Seen:
    """What the exporters got of one call."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader])
        self.records: list[TurnRecord] = []
        self.origin_ns = 0

    def call(self, cast: Cast, *cues: dict[str, float]) -> None:
        async def main() -> None:
            before = asyncio.all_tasks()
            agent = Agent(tools=[look])
            sim = Simulation(agent, stt=cast.stt, llm=cast.llm, tts=cast.tts, caller=caller_with(*cues))
            self.origin_ns = now_ns()
            watched = traced(
                sim.session,
                conversation="c1",
                model="small",
                tracer_provider=self.tracers,
                meter_provider=self.meters,
                now_ns=now_ns,
            )
            async with watched, sim:
                await sim.finish()
            self.records = sim.told(TurnRecord)
            assert asyncio.all_tasks() == before

        run(main())

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def metric(self, name: str) -> dict[tuple[Any, ...], Any]:
        """By the values of its attributes."""
        data = self.reader.get_metrics_data()
        assert data is not None
        found = {}
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            if metric.name == name:
                for point in metric.data.data_points:
                    key = tuple(point.attributes[key] for key in sorted(point.attributes or {}))
                    found[key] = getattr(point, "value", None) if hasattr(point, "value") else point.sum
        return found


def test_a_call_is_a_tree_of_spans_with_true_times() -> None:
    seen = Seen()
    llm = FakeLLM([["Let me see. ", ToolCall("c", "look", "{}")], "Found it."], usage=Usage(10, 4, 2))
    seen.call(Cast(llm=llm), {"at_s": 0.5})
    (call,), (turn,), (record,) = seen.named("call"), seen.named("turn"), seen.records
    names = sorted(span.name for span in seen.spans)
    assert names == ["call", "chat", "execute_tool look", "playout", "stt", "tts", "turn"]
    assert call.parent is None
    assert turn.parent == call.context
    for span in seen.spans:
        assert span.attributes is not None
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time
        if span.name not in ("call", "turn"):
            assert span.parent == turn.context
    moments = record.moments

    def position(span: ReadableSpan) -> tuple[float, float]:
        assert span.start_time is not None
        assert span.end_time is not None
        return (span.start_time - seen.origin_ns) / 1e9, (span.end_time - seen.origin_ns) / 1e9

    for name, begin, end in (
        ("turn", moments.speech_ended_s, moments.ended_s),
        ("stt", moments.speech_ended_s, moments.stt_final_s),
        ("chat", moments.asked_s, moments.text_ended_s),
        ("tts", moments.first_clause_s, moments.audio_ended_s),
        ("playout", moments.first_sample_s, moments.ended_s),
    ):
        assert position(seen.named(name)[0]) == pytest.approx((begin, end), abs=0.011), name
    began, ended = position(seen.named("execute_tool look")[0])
    assert ended - began == pytest.approx(0.5, abs=0.011)
    assert call.attributes is not None
    assert call.attributes["gen_ai.conversation.id"] == "c1"
    chat = dict(seen.named("chat")[0].attributes or {})
    assert chat["gen_ai.operation.name"] == "chat"
    assert chat["gen_ai.request.model"] == "small"
    assert (chat["gen_ai.usage.input_tokens"], chat["gen_ai.usage.output_tokens"]) == (20, 8)
    tool_run = dict(seen.named("execute_tool look")[0].attributes or {})
    assert tool_run["gen_ai.tool.name"] == "look"


def test_metrics_are_the_sums_of_the_records() -> None:
    seen = Seen()
    cast = Cast(llm=FakeLLM([LONG, "The second answer."], usage=Usage(10, 4)))
    seen.call(cast, {"at_s": 0.5}, {"at_s": 4.0})
    records = seen.records
    assert seen.metric("rtaudio.answers") == {("interrupted",): 1, ("heard",): 1}
    audio = seen.metric("rtaudio.audio")
    for kind in ("user", "synthesised", "heard"):
        assert audio[(kind,)] == pytest.approx(sum(getattr(record, f"{kind}_for_s") for record in records))
    latency = seen.metric("rtaudio.turn.latency")
    assert latency[("heard",)] == pytest.approx(sum(record.steps[0].heard_s or 0 for record in records))
    used = sum(record.prompt_tokens or 0 for record in records)
    assert sum(count for key, count in seen.metric("gen_ai.client.token.usage").items() if "input" in key) == used
    assert seen.metric("rtaudio.tts.characters")[()] == sum(record.characters for record in records)


def test_a_failure_is_in_the_turn_s_status_the_call_s_events_and_a_counter() -> None:
    seen = Seen()
    seen.call(Cast(llm=FakeLLM(["Never."], failure=Failure("raise"))), {"at_s": 0.5})
    turn = seen.named("turn")[0]
    assert turn.status.status_code is StatusCode.ERROR
    assert "fake-llm" in (turn.status.description or "")
    assert [event.name for event in seen.named("call")[0].events] == ["provider failed"]
    assert seen.metric("rtaudio.provider.failures") == {("llm", "fake-llm"): 1}


def test_where_nothing_records_the_session_is_not_even_looked_at() -> None:
    async def main() -> None:
        cast = Cast()
        sim = Simulation(Agent(), stt=FakeSTT(["x"]), llm=cast.llm, tts=FakeTTS())
        before = asyncio.all_tasks()
        async with traced(sim.session):
            assert asyncio.all_tasks() == before
        async with sim:
            pass

    run(main())


def test_a_session_left_open_ends_its_spans() -> None:
    seen = Seen()

    async def main() -> None:
        sim = Simulation(Agent(), stt=FakeSTT(["x"]), llm=FakeLLM(["x"]), tts=FakeTTS())
        async with sim:
            async with traced(sim.session, tracer_provider=seen.tracers, meter_provider=seen.meters, now_ns=now_ns):
                await sim.advance(0.1)
            assert [span.name for span in seen.spans] == ["call"]

    run(main())


def test_rtaudio_itself_loads_none_of_it() -> None:
    program = "import sys, rtaudio, rtaudio.voice, rtaudio.testing; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
