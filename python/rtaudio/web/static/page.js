// The page: buttons, levels, state and figures around one client. `globalThis.rtaudio.client` is the call, for consoles.

import { CallError, RtAudioClient } from "./client.js";
import { serveHere } from "./page-methods.js";
import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const transcript = new Transcript($("transcript"));
const SILENT_DB = -60;

let client = null;
let muted = false;

$("call").addEventListener("click", () => (client ? hangUp() : call()));
$("mute").addEventListener("click", () => {
  muted = !muted;
  client?.mute(muted);
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").textContent = muted ? "Unmute" : "Mute";
});
$("type").addEventListener("submit", (event) => {
  event.preventDefault();
  write();
});
globalThis.addEventListener("pagehide", () => client?.close("the page was closed"));

async function call() {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = location.search;
  const startMs = Number(new URLSearchParams(location.search).get("start_ms")) || undefined;
  const mine = new RtAudioClient(url.href, startMs ? { startMs } : {});
  client = mine;
  globalThis.rtaudio = { client };
  serveHere(mine, $("question"));
  mine.addEventListener("message", ({ detail }) => take(detail));
  mine.addEventListener("microphone", ({ detail }) => level($("you"), detail.peak));
  mine.addEventListener("player", ({ detail }) => player(detail));
  mine.addEventListener("closed", ({ detail }) => {
    if (client === mine) over(detail.code === 1000 ? "" : detail.text);
  });
  $("error").hidden = true;
  $("hint").hidden = true;
  transcript.clear();
  state("connecting", "connecting …");
  button("Hang up");
  try {
    await mine.connect();
    if (client !== mine) return mine.close();
    state("listening");
    $("mute").disabled = false;
    $("type").hidden = !mine.welcome.methods?.includes("user_text");
    mine.mute(muted);
  } catch (error) {
    if (client === mine) over(error instanceof CallError ? error.message : String(error));
  }
  return undefined;
}

/** What is in the box goes to the agent as if it had been said; what it does not take stays there. */
async function write() {
  const [text, mine] = [$("text").value.trim(), client];
  if (!text || !mine) return;
  $("text").value = "";
  try {
    await mine.call("user_text", { text });
  } catch (error) {
    if (client !== mine) return;
    $("text").value ||= text;
    transcript.notice("problem", `This was not sent: ${error.message}`);
  }
}

function hangUp() {
  client.close("the user hung up");
  over("");
}

function over(problem) {
  client = null;
  state("idle", "not connected");
  button("Call");
  $("mute").disabled = true;
  for (const id of ["you", "agent"]) $(id).value = 0;
  $("queued").textContent = "–";
  $("question").hidden = true;
  $("type").hidden = true;
  $("error").textContent = problem;
  $("error").hidden = !problem;
}

function take(message) {
  if (message.type === "state") state(message.state);
  if (message.type === "latency" && "first sample" in message.steps) {
    $("latency").textContent = ms(1000 * message.steps["first sample"]);
    $("latency").title = Object.entries(message.steps)
      .map(([name, seconds]) => `${name} ${ms(1000 * seconds)}`)
      .join(", ");
  }
  transcript.take(message);
}

function player({ peak, queued }) {
  level($("agent"), peak);
  if (!client?.welcome) return;
  $("queued").textContent = ms((1000 * queued) / client.welcome.output.rate);
  if (client.roundTripMs !== null) $("round-trip").textContent = ms(client.roundTripMs);
}

function state(name, text = name) {
  $("state").dataset.state = name;
  $("state").textContent = text;
}

function button(text) {
  $("call").textContent = text;
  $("call").classList.toggle("hang-up", text === "Hang up");
}

/** A meter in dB from -60 to 0, which falls slower than it rises. */
function level(meter, peak) {
  const db = peak > 0 ? 20 * Math.log10(peak) : SILENT_DB;
  const value = Math.max(0, Math.min(1, 1 - db / SILENT_DB));
  meter.value = Math.max(value, meter.value - 0.04, 0);
}

function ms(value) {
  return `${Math.round(value)} ms`;
}
