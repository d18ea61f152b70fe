// A client of an rtaudio server: microphone and loudspeaker over one WebSocket (docs/websocket.md, version 1).
//
//   const client = new RtAudioClient("wss://example.org/ws");
//   client.addEventListener("message", ({ detail }) => …);    what happens: state, user, reply, heard, cut, …
//   await client.connect();                                   CallError says in words what is wrong
//   client.mute(true); client.close();
//   client.serve("pick", async ({ choices }) => …);           what the agent may call here, see rpc.js
//   await client.call("say", { text: "Hello." });             what the agent's app offers to be called
//
// Events: "message" (a control message for a person), "audio" (what came: position, samples, start, end), "player" (the
// player's report), "microphone" ({peak}), "closed" ({code, reason, text}). One client is one call; make a new one for the next.

import { RpcPeer } from "./rpc.js";

export { RpcCode, RpcError } from "./rpc.js";

const VERSION = 1;
const FEATURES = ["rpc"];
const INPUT_RATE = 16000;
const OUTPUT_RATE = 24000;
const HEADER_BYTES = 16;
const START = 1;
const END = 2;
const WELCOME_WITHIN_MS = 60_000; // the agent may have models to load
const REPORT_EVERY_MS = 100;
const PING_EVERY_MS = 2000;
const MOST_WAITING_S = 10;

const UNREACHABLE = "The server cannot be reached. Is it running?";
const CLOSED = {
  1000: "The call is over.",
  1001: "The server stops.",
  1006: "The connection was lost.",
  1013: "All lines are taken. Try again in a moment.",
  4001: "This page is of another version than the server: reload it.",
  4003: "The server and this page have no sound format in common.",
  4004: "Too little came through to this browser: the connection is too slow.",
  4005: "The call failed on the server. Its log says why.",
};

/** What kept a call from beginning: `message` is for the person, `cause` what the browser said. */
export class CallError extends Error {}

export class RtAudioClient extends EventTarget {
  #socket = null;
  #context = null;
  #stream = null;
  #capture = null;
  #player = null;
  #timers = [];
  #report = null;
  #reported = -1;
  #ping = { id: 0, sent: 0 };
  #over = false;
  #rpc = new RpcPeer((message) => this.#send(message));

  /** @param {string} url ws: or wss: @param {{startMs?: number}} options how much the player holds before it begins */
  constructor(url, { startMs = 60 } = {}) {
    super();
    this.url = url;
    this.startMs = startMs;
    this.welcome = null;
    this.roundTripMs = null;
    this.sentSamples = 0;
    this.droppedSamples = 0;
    this.clears = [];
  }

  /** Asks for the microphone, then calls. Call it from a click: browsers let no page sound before one. */
  async connect() {
    try {
      this.#stream = await microphone();
      this.#stillWanted();
      this.#context = new AudioContext({ latencyHint: "interactive" });
      await Promise.all([loaded(this.#context, "player-worklet.js"), loaded(this.#context, "capture-worklet.js")]);
      await this.#context.resume();
      this.#stillWanted();
      this.welcome = await this.#call();
      this.#stillWanted();
    } catch (error) {
      this.#end();
      throw error instanceof CallError ? error : new CallError(`The call could not begin: ${error.message}`, { cause: error });
    }
    this.#wire();
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#capture?.port.postMessage({ muted });
  }

  /** Lets the agent call `method` by this name, before the call or during it; see RpcPeer.serve. */
  serve(name, method) {
    this.#rpc.serve(name, method);
  }

  /** Calls what the agent's app offers; see RpcPeer.call. */
  call(method, params, options) {
    return this.#rpc.call(method, params, options);
  }

  close(reason = "") {
    this.#send({ type: "bye", reason });
    this.#socket?.close(1000, reason);
    this.#end();
  }

  /** What the player said last: position, received, played, dropped, queued, silence, underruns, state. */
  get report() {
    return this.#report;
  }

  /** From the player to the ear, in ms, as the browser tells it. */
  get latencyMs() {
    const { baseLatency = 0, outputLatency = 0 } = this.#context ?? {};
    return 1000 * (baseLatency + outputLatency);
  }

  /** `close` may have been called meanwhile: what was opened since is closed, too. */
  #stillWanted() {
    if (this.#over) throw new CallError("The call ended before it began.");
  }

  #call() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url);
      this.#socket = socket;
      socket.binaryType = "arraybuffer";
      const late = setTimeout(() => {
        reject(new CallError("The server did not answer within a minute."));
        socket.close();
      }, WELCOME_WITHIN_MS);
      socket.onopen = () =>
        this.#send({
          type: "hello",
          versions: [VERSION],
          client: "rtaudio client.js",
          features: FEATURES,
          input: { rates: [INPUT_RATE], formats: ["pcm16"] },
          output: { rates: [OUTPUT_RATE, 16000, 48000], formats: ["pcm16"] },
        });
      socket.onmessage = ({ data }) => {
        const message = typeof data === "string" ? JSON.parse(data) : null;
        if (message?.type !== "welcome") return;
        clearTimeout(late);
        if (message.features?.includes("rpc")) this.#rpc.open();
        socket.onmessage = ({ data: next }) => this.#take(next);
        resolve(message);
      };
      socket.onclose = ({ code, reason }) => {
        clearTimeout(late);
        const text = code === 1006 && !this.welcome ? UNREACHABLE : closedBecause(code, reason);
        reject(new CallError(text));
        this.#end();
        if (this.welcome) this.dispatchEvent(new CustomEvent("closed", { detail: { code, reason, text } }));
      };
    });
  }

  #wire() {
    const context = this.#context;
    const { input, output } = this.welcome;
    this.#player = new AudioWorkletNode(context, "rtaudio-player", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { rate: output.rate, startS: this.startMs / 1000 },
    });
    this.#player.port.onmessage = ({ data }) => this.#played(data);
    this.#player.connect(context.destination);
    this.#capture = new AudioWorkletNode(context, "rtaudio-capture", {
      numberOfOutputs: 0,
      processorOptions: { rate: input.rate },
    });
    this.#capture.port.onmessage = ({ data }) => this.#captured(data);
    context.createMediaStreamSource(this.#stream).connect(this.#capture);
    context.onstatechange = () => {
      if (this.#over || context.state === "running") return;
      this.#notice("warning", "The browser has suspended the sound of this page.");
      context.resume();
    };
    this.#stream.getAudioTracks()[0].onended = () => this.#notice("problem", "The microphone is gone.");
    this.#timers.push(setInterval(() => this.#tell(), REPORT_EVERY_MS));
    this.#timers.push(setInterval(() => this.#ask(), PING_EVERY_MS));
    this.#ask();
  }

  #take(data) {
    if (data instanceof ArrayBuffer) return this.#audio(data);
    const message = JSON.parse(data);
    switch (message.type) {
      case "clear":
        return this.#player?.port.postMessage({ clear: message });
      case "duck": {
        const { gain, ramp_ms: rampMs, position } = message;
        return this.#player?.port.postMessage({ duck: { gain, rampMs, position } });
      }
      case "pong":
        if (message.id === this.#ping.id) this.roundTripMs = performance.now() - this.#ping.sent;
        return undefined;
      default: // also those that are not known here
        if (this.#rpc.receive(message)) return undefined;
        this.dispatchEvent(new CustomEvent("message", { detail: message }));
        return undefined;
    }
  }

  #audio(data) {
    const view = new DataView(data);
    if (data.byteLength < HEADER_BYTES || view.getUint8(0) !== 1 || view.getUint8(1) !== 0) return;
    const flags = view.getUint8(2);
    const position = Number(view.getBigUint64(8, true));
    const samples = new Int16Array(data, HEADER_BYTES, view.getUint32(4, true));
    const audio = { position, samples, start: Boolean(flags & START), end: Boolean(flags & END) };
    this.dispatchEvent(new CustomEvent("audio", { detail: { ...audio, samples: samples.length } }));
    this.#player?.port.postMessage({ audio });
  }

  #captured({ position, samples, peak }) {
    this.dispatchEvent(new CustomEvent("microphone", { detail: { peak } }));
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > MOST_WAITING_S * this.welcome.input.rate * 2) {
      this.droppedSamples += samples.length; // the positions show the gap
      return;
    }
    const message = new ArrayBuffer(HEADER_BYTES + 2 * samples.length);
    const view = new DataView(message);
    view.setUint8(0, 1);
    view.setUint32(4, samples.length, true);
    view.setBigUint64(8, BigInt(position), true);
    new Int16Array(message, HEADER_BYTES).set(samples);
    socket.send(message);
    this.sentSamples += samples.length;
  }

  #played({ report, cleared }) {
    if (report) {
      this.#report = { peak: 0, ...report };
      this.dispatchEvent(new CustomEvent("player", { detail: this.#report }));
    }
    if (cleared) {
      this.clears.push(cleared);
      if (this.clears.length > 1000) this.clears.shift();
      this.#send({ type: "cleared", ...cleared });
    }
  }

  #tell() {
    const report = this.#report;
    if (!report || report.position === this.#reported) return;
    this.#reported = report.position;
    const { position, played, queued } = report;
    this.#send({ type: "played", position, played, queued, latency_ms: Math.min(this.latencyMs, 10_000) });
  }

  #ask() {
    this.#ping = { id: this.#ping.id + 1, sent: performance.now() };
    this.#send({ type: "ping", id: this.#ping.id });
  }

  #notice(level, text) {
    this.dispatchEvent(new CustomEvent("message", { detail: { type: "notice", level, text, at_s: 0 } }));
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #end() {
    this.#over = true;
    this.#rpc.close();
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#context && this.#context.state !== "closed") this.#context.close();
  }
}

function closedBecause(code, reason) {
  const text = CLOSED[code] ?? `The connection was closed (${code}).`;
  return reason && ![1000, 1001, 1006, 1013, 4005].includes(code) ? `${text} (${reason})` : text;
}

async function loaded(context, name) {
  try {
    await context.audioWorklet.addModule(new URL(name, import.meta.url));
  } catch (error) {
    throw new CallError(UNREACHABLE, { cause: error });
  }
}

async function microphone() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new CallError("The browser gives this page no microphone: open it at localhost, or over https.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (error) {
    const texts = {
      NotAllowedError: "You, or this browser's settings, did not let this page use the microphone. Allow it beside the address, and call again.",
      NotFoundError: "There is no microphone. Connect one, and call again.",
      NotReadableError: "The microphone cannot be opened: another program may hold it.",
    };
    throw new CallError(texts[error.name] ?? `The microphone cannot be used: ${error.message}`, { cause: error });
  }
}
