"""Calls between two ends: whatever the channel does, each call ends once, with its own answer or with why not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import run
from rtaudio.voice.rpc import (
    MOST_PAYLOAD,
    Ack,
    Answer,
    Cancel,
    Failure,
    Request,
    Result,
    RpcCode,
    RpcError,
    RpcMessage,
)
from rtaudio.voice.rpc_calls import ACK_TIMEOUT_S, AT_ONCE, Asked, Over, Served
from rtaudio.voice.rpc_peer import Method, RpcPeer


class Wire:
    """To the other end, `delay_s` later; what `loses` says is lost, what `doubles` says comes twice, the second time
    later."""

    def __init__(self, delay_s: float = 0.05) -> None:
        self.delay_s = delay_s
        self.to: RpcPeer | None = None
        self.sent: list[RpcMessage] = []
        self.random: random.Random | None = None
        self.broken: Exception | None = None

    def send(self, message: RpcMessage) -> None:
        if self.broken is not None:
            raise self.broken
        assert self.to is not None
        self.sent.append(message)
        loop = asyncio.get_running_loop()
        times, delay = 1, self.delay_s
        if self.random is not None:
            times, delay = self.random.choices([0, 1, 2], [1, 8, 2])[0], self.random.uniform(0, 3)
        for _ in range(times):
            loop.call_later(delay, self.to.receive, message)
            delay += 0.5


def ends(methods: dict[str, Method], here: dict[str, Method] | None = None) -> tuple[RpcPeer, RpcPeer, Wire, Wire]:
    """The one who asks, the one who serves `methods`, and the wires of both."""
    there, back = Wire(), Wire()
    asker, server = RpcPeer(there, here), RpcPeer(back, methods, failed=lambda name, error: None)
    there.to, back.to = server, asker
    return asker, server, there, back


async def double(params: Any) -> Any:
    await asyncio.sleep(0.5)
    return params * 2


async def forever(params: Any) -> Any:
    await asyncio.Event().wait()


async def code_of(work: Any) -> int:
    with pytest.raises(RpcError) as caught:
        await work
    return caught.value.code


async def tidy(*peers: RpcPeer) -> None:
    for peer in peers:
        await peer.aclose()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left


def test_a_call_goes_there_and_its_result_comes_back() -> None:
    async def main() -> None:
        asker, server, there, back = ends({"double": double})
        began_s = asyncio.get_running_loop().time()
        assert await asker.call("double", "aé") == "aéaé"
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(0.6)
        assert there.sent == [Request(1, "double", '"aé"', 10.0)]
        assert back.sent == [Ack(1), Result(1, '"aéaé"')]
        await tidy(asker, server)

    run(main())


def test_both_ends_ask_and_serve_at_the_same_time() -> None:
    async def main() -> None:
        asker, server, _, _ = ends({"double": double}, {"double": double})
        got = await asyncio.gather(*(end.call("double", n) for n in range(8) for end in (asker, server)))
        assert got == [2 * n for n in range(8) for _ in range(2)]
        assert set(asker.figures().values()) == {0}
        await tidy(asker, server)

    run(main())


async def refuses(params: Any) -> Any:
    raise RpcError(7, "not now")


async def refuses_with_half_a_character(params: Any) -> Any:
    raise RpcError(8, "\ud800" * 2000)


async def refuses_with_a_code_that_is_none(params: Any) -> Any:
    raise RpcError(1 << 40, "no")


async def breaks(params: Any) -> Any:
    raise KeyError("a secret")


async def says_much(params: Any) -> Any:
    return "é" * (MOST_PAYLOAD // 2)  # the quotes are too much


async def says_an_object(params: Any) -> Any:
    return object()


async def says_no_number(params: Any) -> Any:
    return float("nan")


async def says_half_a_character(params: Any) -> Any:
    return "\ud800"


async def cancels_itself(params: Any) -> Any:
    asyncio.current_task().cancel()  # type: ignore[union-attr]
    await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("method", "code"),
    [
        (refuses, 7),
        (refuses_with_half_a_character, 8),
        (refuses_with_a_code_that_is_none, RpcCode.APPLICATION_ERROR),
        (breaks, RpcCode.APPLICATION_ERROR),
        (says_much, RpcCode.RESPONSE_PAYLOAD_TOO_LARGE),
        (says_an_object, RpcCode.APPLICATION_ERROR),
        (says_no_number, RpcCode.APPLICATION_ERROR),
        (forever, RpcCode.RESPONSE_TIMEOUT),
        (cancels_itself, RpcCode.APPLICATION_ERROR),
    ],
)
def test_a_method_that_gives_nothing_says_why_and_no_more(method: Method, code: int) -> None:
    async def main() -> None:
        asker, server, _, back = ends({"it": method})
        assert await code_of(asker.call("it", timeout_s=5)) == code
        assert "secret" not in str(back.sent)
        str(back.sent).encode()
        await asyncio.sleep(1)
        await tidy(asker, server)

    run(main())


def test_half_a_character_is_not_sent() -> None:
    async def main() -> None:
        asker, server, _, _ = ends({"it": says_half_a_character})
        assert await asker.call("it") == "?"
        await tidy(asker, server)

    run(main())


def test_what_no_call_can_have_is_refused_before_it_is_sent() -> None:
    async def main() -> None:
        asker, server, there, _ = ends({})
        for kind, arguments, timeout_s in (
            (TypeError, ("it", object()), 1.0),
            (ValueError, ("it", float("inf")), 1.0),
            (ValueError, ("", None), 1.0),
            (ValueError, ("x" * 65, None), 1.0),
            (ValueError, ("\ud800", None), 1.0),
            (ValueError, ("it", None), 0.0),
            (ValueError, ("it", None), float("nan")),
            (ValueError, ("it", None), 601.0),
        ):
            with pytest.raises(kind):
                await asker.call(*arguments, timeout_s=timeout_s)
        assert await code_of(asker.call("it", "x" * MOST_PAYLOAD)) == RpcCode.REQUEST_PAYLOAD_TOO_LARGE
        assert not there.sent
        await tidy(asker, server)

    run(main())


def test_an_unknown_method_is_known_at_once() -> None:
    async def main() -> None:
        asker, server, _, back = ends({})
        began_s = asyncio.get_running_loop().time()
        assert await code_of(asker.call("it", timeout_s=60)) == RpcCode.UNSUPPORTED_METHOD
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(0.1)
        assert isinstance(back.sent[0], Failure)
        await tidy(asker, server)

    run(main())


def test_a_client_that_is_not_there_is_given_up_before_the_call_s_own_time() -> None:
    async def main() -> None:
        asker, server, there, back = ends({"it": forever})
        back.to = RpcPeer(Wire())  # no answer ever comes
        began_s = asyncio.get_running_loop().time()
        assert await code_of(asker.call("it", timeout_s=60)) == RpcCode.CONNECTION_TIMEOUT
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(ACK_TIMEOUT_S)
        await asyncio.sleep(1)
        assert there.sent[-1] == Cancel(1)
        assert not server.busy  # it was told
        await tidy(asker, server)

    run(main())


def test_who_does_not_wait_any_more_tells_the_other_side() -> None:
    async def main() -> None:
        asker, server, there, back = ends({"it": forever})
        asked = asyncio.create_task(asker.call("it"))
        await asyncio.sleep(1)
        assert server.busy
        asked.cancel()
        await asyncio.sleep(1)
        assert not server.busy
        assert there.sent[-1] == Cancel(1)
        assert back.sent == [Ack(1)]  # what is cancelled is not answered
        await tidy(asker, server)

    run(main())


def test_more_than_a_side_takes_is_refused_and_what_does_not_stop_keeps_its_place() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def stubborn(params: Any) -> Any:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        asker, server, _, _ = ends({"it": stubborn})
        asked = [asyncio.create_task(asker.call("it")) for _ in range(AT_ONCE)]
        await asyncio.sleep(1)
        assert await code_of(asker.call("it")) == RpcCode.TOO_MANY_CALLS  # here already
        for each in asked:
            each.cancel()
        await asyncio.sleep(1)
        assert await code_of(asker.call("it")) == RpcCode.TOO_MANY_CALLS  # there
        assert server.figures()["refused"] == 1
        release.set()
        await asyncio.sleep(1)
        assert await asker.call("it") is None
        await tidy(asker, server)

    run(main())


def test_the_other_side_going_away_ends_every_call_both_ways() -> None:
    async def main() -> None:
        asker, server, _, _ = ends({"it": forever}, {"it": forever})
        asked = [asyncio.create_task(end.call("it")) for end in (asker, server) for _ in range(3)]
        await asyncio.sleep(1)
        asker.close("the line broke")
        server.close("the line broke")
        for each in asked:
            assert await code_of(each) == RpcCode.RECIPIENT_DISCONNECTED
        assert await code_of(asker.call("it")) == RpcCode.RECIPIENT_DISCONNECTED
        await tidy(asker, server)

    run(main())


@pytest.mark.parametrize("broken", [ConnectionResetError("gone"), BufferError("full")])
def test_a_channel_that_takes_nothing_ends_the_call_at_once(broken: Exception) -> None:
    async def main() -> None:
        asker, server, there, back = ends({"it": double})
        there.broken = broken
        assert await code_of(asker.call("it", 1)) == RpcCode.SEND_FAILED
        there.broken, back.broken = None, broken
        assert await code_of(asker.call("it", 1)) == RpcCode.CONNECTION_TIMEOUT
        assert server.figures()["unsent"] == 2  # the ack; the result was not wanted any more, or not sent
        await tidy(asker, server)

    run(main())


def test_a_server_is_not_impressed_by_broken_parameters() -> None:
    async def main() -> None:
        asker, server, _, back = ends({"it": double})
        for number, text in enumerate(("{", "[" * 10_000, "nul", "x" * (MOST_PAYLOAD + 1)), 1):
            server.receive(Request(number, "it", text, 1.0))
        await asyncio.sleep(2)
        codes = [message.code for message in back.sent if isinstance(message, Failure)]
        assert Counter(codes) == {RpcCode.INVALID_PARAMS: 3, RpcCode.REQUEST_PAYLOAD_TOO_LARGE: 1}
        assert asker.figures()["late"] > 0  # answers to what was never asked
        await tidy(asker, server)

    run(main())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_whatever_a_channel_does_each_call_ends_once_with_its_own_answer(seed: int) -> None:
    """Messages are lost, come twice, overtake one another; who asks may stop waiting; the line may break."""
    draw = random.Random(seed)

    async def main() -> None:
        ran: Counter[str] = Counter()

        async def work(params: Any) -> Any:
            ran[params] += 1
            await asyncio.sleep(draw.uniform(0, 8))
            if draw.random() < 0.2:
                raise RpcError(7, params)
            return params

        asker, server, there, back = ends({"work": work}, {"work": work})
        there.random = back.random = draw
        ended: Counter[str] = Counter()
        errors: list[tuple[str, RpcError]] = []

        async def ask(end: RpcPeer, name: str) -> None:
            await asyncio.sleep(draw.uniform(0, 10))
            try:
                async with asyncio.timeout(draw.choice([None, 1, 4])):
                    assert await end.call("work", name, timeout_s=draw.uniform(1, 9)) == name
            except RpcError as error:
                errors.append((name, error))
            except TimeoutError:
                pass
            ended[name] += 1

        names = [f"{end}{n}" for n in range(20) for end in "as"]
        asking = [asyncio.create_task(ask(asker if name[0] == "a" else server, name)) for name in names]
        if draw.random() < 0.3:
            await asyncio.sleep(draw.uniform(0, 20))
            asker.close()
            server.close()
        await asyncio.gather(*asking)
        await asyncio.sleep(20)  # what is late comes, and changes nothing
        assert ended == Counter(names)
        assert all(error.code in (7, *RpcCode) for _, error in errors)
        assert all(error.text == name for name, error in errors if error.code == 7)
        assert all(count == 1 for count in ran.values()), "a request that came twice was run twice"
        assert not asker.busy
        assert not server.busy
        await tidy(asker, server)

    run(main())


ANSWERS = st.one_of(
    st.builds(Ack, st.integers(0, 6)),
    st.builds(Result, st.integers(0, 6), st.just("1")),
    st.builds(Failure, st.integers(0, 6), st.integers(-(1 << 31), (1 << 31) - 1), st.text(max_size=3)),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(ANSWERS, st.floats(0.1, 3), st.just("begin"), st.integers(1, 6), st.just("gone")), max_size=40)
)
def test_each_call_is_over_once_whatever_comes(steps: list[Answer | float | str | int]) -> None:
    asked, now_s, begun, over = Asked(at_once=4), 0.0, 0, Counter[int]()

    def note(ended: list[Over]) -> None:
        over.update(each.id for each in ended)

    for step in steps:
        match step:
            case "begin":
                if len(asked) < 4:
                    begun = asked.begin("x", "null", 4.0, now_s).id
                else:
                    with pytest.raises(RpcError, match="4 calls are under way"):
                        asked.begin("x", "null", 4.0, now_s)
            case "gone":
                note(asked.gone("gone"))
                assert asked.due_s is None
            case int():
                over[step] += asked.drop(step) is not None
            case float():
                now_s += step
                note(asked.expire(now_s))
                assert asked.due_s is None or asked.due_s > now_s
            case Ack() | Result() | Failure():
                if (ended := asked.take(step)) is not None:
                    note([ended])
    over.update(each.id for each in asked.gone("end"))
    assert +over == Counter(range(1, begun + 1))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ask", "cancel", "end"]), st.integers(1, 8)), max_size=60))
def test_each_request_is_taken_once_and_answered_once_at_most(steps: list[tuple[str, int]]) -> None:
    served, running, asked, cancelled = Served(at_once=3), set[int](), set[int](), set[int]()
    for what, number in steps:
        if what == "ask":
            verdict = served.take(Request(number, "x", "null", 1.0), known=True)
            if number in asked:
                assert verdict is None
            elif len(running) == 3:
                assert isinstance(verdict, Failure)
            else:
                assert verdict == Ack(number)
                running.add(number)
            asked.add(number)
        elif what == "cancel":
            assert served.cancel(number) == (number in running - cancelled)
            cancelled |= {number} & running
        elif number in running:
            assert served.end(number) == (number not in cancelled)
            running.discard(number)
        assert len(served) == len(running)


def test_old_ids_are_known_for_long_enough_and_cost_nothing_later() -> None:
    served = Served()
    for number in range(1, 1001):
        assert isinstance(served.take(Request(number, "x", "null", 1.0), known=True), Ack)
        assert served.end(number)
    assert len(served._seen) == 256
    assert all(served.take(Request(number, "x", "null", 1.0), known=True) is None for number in range(1, 1001))
