"""The client's pure parts in a browser's JavaScript, without sound: the player's account, fades, resampling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rtaudio.server import CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice.agent import Agent
from tests.web.conftest import Opened, serving

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")

HEAD = """
const { PlayerCore } = await import("/static/player-core.js");
const { Resampler } = await import("/static/resample.js");
const RATE = 24000, FADE = 120;
const numbered = (at, count) => Float32Array.from({ length: count }, (_, n) => (at + n + 1) / 2 ** 20);
const check = (fact, what) => { if (!fact) throw new Error(what); };
const sums = (core) => check(core.received === core.played + core.dropped + core.queued, JSON.stringify(core.report()));
let seed = 7;
const random = (most) => { seed = (seed * 1103515245 + 12345) % 2 ** 31; return seed % most; };
"""

PROGRAMS = {
    "what was sent is played as it was, to the sample": """
        const core = new PlayerCore(RATE, 0.06);
        core.push(0, numbered(0, 2000), true, false);
        core.push(2000, numbered(2000, 1000), false, true);
        const out = [...core.pull(100), ...core.pull(1), ...core.pull(4000)];
        check(out.slice(0, 3000).every((x, n) => x === Math.fround((n + 1) / 2 ** 20)), "altered");
        check(core.played === 3000 && core.position === 3000 && core.underruns === 0, "account");
        sums(core);
    """,
    "it waits for a start, and no longer than that": """
        const core = new PlayerCore(RATE, 0.06);
        core.push(500, numbered(0, 480), true, false);
        check(core.pull(1440).every((x) => x === 0), "too early");
        check(core.pull(480)[0] > 0 && core.position === 980, "too late");
    """,
    "running dry inside of speech is an underrun, at its end it is none": """
        for (const end of [false, true]) {
          const core = new PlayerCore(RATE, 0);
          core.push(0, numbered(0, 480), true, end);
          const out = core.pull(1000);
          check(core.underruns === (end ? 0 : 1), "underruns");
          check(out[480 + FADE] === 0, "does not decay");
        }
    """,
    "a clear fades within 5 ms, drops the rest and says exactly where it stood": """
        const core = new PlayerCore(RATE, 0), told = [];
        core.onCleared = (cleared) => told.push(cleared);
        core.push(0, new Float32Array(4800).fill(0.5), true, false);
        core.pull(1000);
        core.clear(3, 4000);
        core.push(4800, new Float32Array(480).fill(0.25), true, true);
        const out = core.pull(480);
        const fallen = out.findIndex((x) => x === 0);
        check(fallen <= FADE, `a fade of ${fallen}`);
        check(told.length === 1 && told[0].id === 3 && told[0].position === 1000 + FADE, JSON.stringify(told));
        check(told[0].dropped === 4000 - 1000 - FADE && told[0].played === 1000 + FADE, JSON.stringify(told));
        const rest = core.pull(4800);
        check(core.played === 1000 + FADE + 800 + 480 && rest.some((x) => x === 0.5), "what lies behind is played");
        sums(core);
    """,
    "a clear with nothing to drop is answered at once": """
        const core = new PlayerCore(RATE, 0), told = [];
        core.onCleared = (cleared) => told.push(cleared);
        core.clear(1, 100);
        check(told.length === 1 && told[0].dropped === 0 && core.position === 100, JSON.stringify(told));
    """,
    "a duck holds for what is held; what has it in it already is played as it came": """
        const core = new PlayerCore(RATE, 0);
        const sent = Float32Array.from({ length: 9600 }, (_, n) => (n < 4800 ? 0.5 : n < 7200 ? 0.125 : 0.5));
        core.push(0, sent, true, true);
        core.pull(100);
        core.duck(0.25, 20, 4800);
        const first = core.pull(6900), ramp = first.slice(0, 480);
        check(first.slice(480).every((x) => Math.abs(x - 0.125) < 1e-6), "held at a quarter, then as it came");
        check(ramp.every((x, n) => n === 0 || Math.abs(x - ramp[n - 1]) < 0.002), "a click");
        core.duck(1, 0, 7200);
        const rest = core.pull(2600);
        check(rest.slice(0, 200).every((x) => Math.abs(x - 0.5) < 1e-6), "taken back for what is held");
        check(rest.slice(200).every((x) => x === 0.5), "as it came");
    """,
    "whatever happens, every sample is counted once and positions never fall": """
        for (let round = 0; round < 60; round++) {
          const core = new PlayerCore(RATE, random(3) * 0.03);
          let sent = 0, cleared = 0, before = 0;
          let asked = 0;
          core.onCleared = ({ dropped, position }) => {
            cleared++;
            check(dropped >= 0 && position <= sent, "cleared");
          };
          for (let step = 0; step < 120; step++) {
            switch (random(6)) {
              case 0: case 1: {
                const count = 1 + random(900), gap = random(4) === 0 ? random(700) : 0;
                core.push(sent + gap, numbered(sent, count), random(5) === 0, random(5) === 0);
                sent += gap + count;
                break;
              }
              case 2: core.clear(++asked, Math.max(before, sent - random(600))); break;
              case 3: core.duck(random(5) / 4, random(50), sent); break;
              default: core.pull(1 + random(1500));
            }
            sums(core);
            check(core.position >= before, "a position fell");
            before = core.position;
          }
          core.pull(4 * RATE);
          sums(core);
          check(core.queued === 0 && cleared === asked, `left ${core.queued}, cleared ${cleared} of ${asked}`);
        }
    """,
    "resampling: any chunks give the same, a constant stays, the delay is as declared": """
        const ways = [[48000, 16000], [44100, 16000], [24000, 48000], [24000, 44100], [16000, 16000], [96000, 16000]];
        const sine = (rate, hz) => (_, n) => Math.sin((2 * Math.PI * hz * n) / rate);
        const most = (values) => values.reduce((high, x) => Math.max(high, Math.abs(x)), 0);
        for (const [from, to] of ways) {
          const input = Float32Array.from({ length: 6000 }, () => random(2001) / 1000 - 1);
          const whole = new Resampler(from, to).process(input);
          const cut = new Resampler(from, to), pieces = [];
          for (let at = 0; at < input.length; ) {
            const count = 1 + random(400);
            pieces.push(...cut.process(input.subarray(at, at + count)));
            at += count;
          }
          check(pieces.length === whole.length && whole.every((x, n) => x === pieces[n]), `${from} to ${to}: chunks`);
          check(Math.abs(whole.length - (input.length * to) / from) <= 1, `${from} to ${to}: ${whole.length} samples`);
          const flat = new Resampler(from, to).process(new Float32Array(8000).fill(0.5));
          check(Math.abs(flat.at(-1) - 0.5) < 1e-4, `${from} to ${to}: a constant became ${flat.at(-1)}`);
          const tone = (hz) => Float32Array.from({ length: from / 4 }, sine(from, hz));
          const resampler = new Resampler(from, to), out = resampler.process(tone(1000));
          const late = resampler.delay / from;
          const wrong = most(out.map((x, n) => x - Math.sin(2 * Math.PI * 1000 * (n / to - late))).slice(to / 20));
          check(wrong < 2e-3, `${from} to ${to}: off by ${wrong}`);
          if (from > to) {
            const alias = most(new Resampler(from, to).process(tone(0.62 * to)).slice(to / 20));
            check(alias < 1e-3, `${from} to ${to}: alias ${alias}`);
          }
        }
    """,
}


@pytest.fixture(scope="module")
def page(browsers: Any, chromium: str) -> Iterator[Any]:
    setup = CallSetup(agent=Agent(), stt=FakeSTT([]), llm=FakeLLM([""]), tts=FakeTTS())
    with serving(lambda on_start: setup) as site:
        browser = browsers.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page()
        shown.goto(site.url)
        yield shown
        browser.close()


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_player(program: str, page: Any) -> None:
    page.evaluate(f"async () => {{ {HEAD} {program} }}")


def test_the_page_shows_nothing_but_its_own(opened: Opened) -> None:
    """No resource of another site, no script error, every control has a name."""
    setup = CallSetup(agent=Agent(), stt=FakeSTT([]), llm=FakeLLM([""]), tts=FakeTTS())
    with serving(lambda on_start: setup) as site:
        shown = opened("about:blank")
        asked: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(site.url)
        assert asked
        assert all(url.startswith(site.url) for url in asked)
        assert not shown.problems
        for role, name in (
            ("button", "Call"),
            ("button", "Mute"),
            ("meter", "You"),
            ("meter", "Agent"),
            ("list", "Transcript"),
        ):
            assert shown.get_by_role(role, name=name).count() == 1, (role, name)
