"""Asking again, and connections that are there before they are needed: against a server on loopback that counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from rtaudio.providers import FallbackLLM, OpenAICompatibleLLM, Retry
from rtaudio.providers.retry import Transient, retry_after_s
from rtaudio.testing import FakeLLM, run
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.protocols import LLM, ProviderError, Token
from rtaudio.voice.troubles import listening

pytest.importorskip("httpx", reason="httpx is not installed: pip install 'rtaudio[openai]'")
pytest.importorskip("tenacity", reason="tenacity is not installed: pip install 'rtaudio[retry]'")

CHAT = ChatContext("", [ChatMessage("user", "Hello?")])
GOOD = "200 OK"
DROPS = "drops the connection"


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Server:
    """Answers each POST with the next of `answers`, the last one again beyond them; keeps connections alive."""

    answers: Sequence[str]
    header: str = ""
    models: str = "200 OK"
    breaks_off: bool = False
    connections: int = 0
    posts: int = 0
    at_s: list[float] = field(default_factory=list)
    base_url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if head.startswith("GET"):
                    writer.write(f"HTTP/1.1 {self.models}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
                    continue
                length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length"))
                await reader.readexactly(int(length.partition(":")[2]))
                answer = self.answers[min(self.posts, len(self.answers) - 1)]
                self.posts += 1
                self.at_s.append(asyncio.get_running_loop().time())
                if answer == DROPS:
                    return
                if answer != GOOD:
                    writer.write(f"HTTP/1.1 {answer}\r\n{self.header}Content-Length: 4\r\n\r\nbusy".encode())
                    continue
                chunk = {"choices": [{"delta": {"content": "Yes."}, "finish_reason": None}]}
                body = f"data: {json.dumps(chunk)}\n\n" + ("" if self.breaks_off else "data: [DONE]\n\n")
                head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body.encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Server]:
    listening_at = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{listening_at.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listening_at.close()


async def ask(llm: LLM) -> str:
    stream = llm.stream(CHAT)
    try:
        return "".join([piece.text async for piece in stream if isinstance(piece, Token)])
    finally:
        await stream.aclose()


def asked(server: Server, retry: Retry | None) -> tuple[str, list[str], list[float]]:
    """The answer or what was wrong, what was told on the way, and the waits between the requests, in virtual time."""

    async def main() -> tuple[str, list[str], list[float]]:
        told: list[str] = []
        async with running(server):
            llm = OpenAICompatibleLLM("m", base_url=server.base_url, retry=retry)
            with listening(lambda kind, name, what: told.append(what)):
                try:
                    text = await ask(llm)
                except ProviderError as error:
                    text = error.what
            await llm.aclose()
        waits = [b - a for a, b in zip(server.at_s, server.at_s[1:], strict=False)]
        return text, told, waits

    return run(main())


@pytest.mark.parametrize("failure", ["429 Too Many Requests", "503 Service Unavailable", DROPS])
def test_a_busy_server_is_asked_again_after_waits_that_grow(failure: str) -> None:
    text, told, waits = asked(Server([failure, failure, GOOD]), Retry(jitter=0.0))
    assert text == "Yes."
    assert waits == pytest.approx([0.2, 0.4], abs=1e-3)
    assert len(told) == 2
    assert all("asked again after" in what for what in told)


def test_the_jitter_comes_from_its_seed() -> None:
    waits = [asked(Server(["503 Busy", "503 Busy", GOOD]), Retry(seed=seed))[2] for seed in (1, 1, 2)]
    assert waits[0] == pytest.approx(waits[1], abs=1e-3)
    assert waits[0] != pytest.approx(waits[2], abs=1e-3)
    assert all(0.2 <= first <= 0.3001 and 0.4 <= second <= 0.6001 for first, second in waits)


def test_what_the_server_asks_for_is_kept_to_and_bounded() -> None:
    _, _, waits = asked(Server(["429 Slow Down", GOOD], header="Retry-After: 3\r\n"), Retry())
    assert waits == pytest.approx([3.0], abs=1e-3)
    server = Server(["429 Slow Down", GOOD], header="Retry-After: 60\r\n")
    text, _, _ = asked(server, Retry(total_s=5.0))
    assert text.startswith("status 429 Slow Down: 'busy'")
    assert server.posts == 1


@pytest.mark.parametrize("failure", ["401 Unauthorized", "400 Bad Request", "404 Not Found"])
def test_what_will_be_no_better_is_not_asked_again(failure: str) -> None:
    server = Server([failure, GOOD])
    text, told, _ = asked(server, Retry())
    assert text.startswith(f"status {failure}")
    assert (server.posts, told) == (1, [])


def test_after_so_many_attempts_the_last_failure_is_what_is_raised() -> None:
    server = Server(["500 First", "502 Second", "503 Third", GOOD])
    text, _, _ = asked(server, Retry(attempts=3))
    assert text.startswith("status 503 Third")
    assert server.posts == 3


def test_without_a_policy_nothing_is_asked_again() -> None:
    server = Server(["503 Busy", GOOD])
    assert asked(server, None)[0].startswith("status 503 Busy")
    assert server.posts == 1


def test_once_the_answer_has_begun_it_is_never_asked_again() -> None:
    server = Server([GOOD], breaks_off=True)
    text, told, _ = asked(server, Retry())
    assert "broke off before its end" in text
    assert (server.posts, told) == (1, [])


def test_a_server_that_stays_away_is_given_up_for_the_next_model() -> None:
    async def main() -> str:
        async with running(Server([GOOD])) as server:
            gone = server.base_url
        first = OpenAICompatibleLLM("m", base_url=gone, retry=Retry(jitter=0.0))
        llm = FallbackLLM([first, FakeLLM(["Here."])])
        began = asyncio.get_running_loop().time()
        text = await ask(llm)
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.6 + 0.2, abs=1e-3)
        await llm.aclose()
        return text

    assert run(main()) == "Here."


@pytest.mark.parametrize("models", ["200 OK", "404 Not Found"])
def test_a_connection_is_made_before_it_is_needed_and_kept(models: str) -> None:
    async def main() -> None:
        async with running(Server([GOOD], models=models)) as server:
            llm = OpenAICompatibleLLM("m", base_url=server.base_url)
            await llm.warm_up()
            assert (server.connections, server.posts) == (1, 0)
            assert [await ask(llm) for _ in range(3)] == ["Yes."] * 3
            assert (server.connections, server.posts) == (1, 3), "all on the connection that was there"
            await llm.aclose()

    asyncio.run(main())


def test_a_key_that_is_refused_is_told_at_warm_up() -> None:
    async def main() -> None:
        async with running(Server([GOOD], models="401 Unauthorized")) as server:
            llm = OpenAICompatibleLLM("m", base_url=server.base_url)
            with pytest.raises(ProviderError, match="status 401: check the API key"):
                await llm.warm_up()
            await llm.aclose()

    asyncio.run(main())


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after_s("7") == 7.0
    assert retry_after_s("-7") == 0.0
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after_s(in_a_minute) == pytest.approx(60, abs=2)
    assert [retry_after_s(none) for none in (None, "", "soon")] == [None, None, None]


def test_an_error_that_is_not_transient_is_raised_as_it_is() -> None:
    async def main() -> None:
        async def broken() -> None:
            raise KeyError("ours")

        with pytest.raises(KeyError):
            await Retry().run(broken, lambda error, wait_s: None)

        async def busy() -> None:
            raise Transient(ProviderError("llm", "m", "busy"))

        with pytest.raises(ProviderError, match="busy"):
            await Retry(attempts=1).run(busy, lambda error, wait_s: None)

    run(main())


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"growth": 0.5}, {"total_s": -1.0}, {"jitter": float("inf")}], ids=str
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    """Law 11."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Retry(**wrong)  # type: ignore[arg-type]
