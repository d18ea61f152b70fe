// Calls between a page and an agent, both ways (docs/client-tools.md): one end of them, by whatever carries its messages.
//
//   const peer = new RpcPeer((message) => socket.send(JSON.stringify(message)));
//   peer.serve("pick", async ({ choices }, { signal }) => …);      what the agent may call here
//   await peer.call("say", { text: "Hello." });                    what the agent's app offers; RpcError says why not
//   peer.receive(message);  peer.close();                          what came; the other side is gone
//
// Bounds and codes are those of rtaudio.voice.rpc.

const MOST_PAYLOAD = 15 << 10; // bytes of JSON
const MOST_TEXT = 1000;
const AT_ONCE = 16;
const REMEMBERED = 256;
const ACK_WITHIN_MS = 5000;

export const RpcCode = Object.freeze({
  UNSUPPORTED_METHOD: 1400,
  RECIPIENT_NOT_FOUND: 1401,
  REQUEST_PAYLOAD_TOO_LARGE: 1402,
  APPLICATION_ERROR: 1500,
  CONNECTION_TIMEOUT: 1501,
  RESPONSE_TIMEOUT: 1502,
  RECIPIENT_DISCONNECTED: 1503,
  RESPONSE_PAYLOAD_TOO_LARGE: 1504,
  SEND_FAILED: 1505,
  TOO_MANY_CALLS: 1600,
  INVALID_PARAMS: 1601,
});

/** A call that came to nothing. A method that is served throws it to refuse; of any other error the agent hears only that it failed. */
export class RpcError extends Error {
  /** @param {number} code an RpcCode, or one of your own @param {string} message why, in words */
  constructor(code, message) {
    super(message);
    this.name = "RpcError";
    this.code = code;
  }
}

export class RpcPeer {
  #send;
  #methods = new Map();
  #asked = new Map();
  #served = new Map();
  #seen = new Set();
  #forgotten = 0;
  #last = 0;
  #gone = "not connected";

  constructor(send) {
    this.#send = send;
  }

  /** From now on there is another side, which takes calls. */
  open() {
    this.#gone = "";
  }

  /** @param {string} name @param {(params: any, call: {signal: AbortSignal}) => any} method may be async; null: no more */
  serve(name, method) {
    if (method) this.#methods.set(name, method);
    else this.#methods.delete(name);
  }

  /** @param {{timeoutMs?: number, signal?: AbortSignal}} options */
  async call(method, params = null, { timeoutMs = 10_000, signal } = {}) {
    signal?.throwIfAborted();
    if (this.#gone) throw new RpcError(RpcCode.RECIPIENT_DISCONNECTED, this.#gone);
    const text = written(params);
    if (bytes(text) > MOST_PAYLOAD) throw new RpcError(RpcCode.REQUEST_PAYLOAD_TOO_LARGE, `at most ${MOST_PAYLOAD} bytes are carried`);
    if (this.#asked.size >= AT_ONCE) throw new RpcError(RpcCode.TOO_MANY_CALLS, `${AT_ONCE} calls are under way already`);
    const id = ++this.#last;
    let abort;
    try {
      return await new Promise((resolve, reject) => {
        const late = (code, why, ms) =>
          setTimeout(() => {
            this.#send({ type: "rpc_cancel", id });
            reject(new RpcError(code, why));
          }, ms);
        const ack = late(RpcCode.CONNECTION_TIMEOUT, "nobody took the call in time", ACK_WITHIN_MS);
        const answer = late(RpcCode.RESPONSE_TIMEOUT, "no answer came in time", timeoutMs);
        this.#asked.set(id, { resolve, reject, ack, answer });
        abort = () => {
          this.#send({ type: "rpc_cancel", id });
          reject(signal.reason);
        };
        signal?.addEventListener("abort", abort);
        this.#send({ type: "rpc_request", id, method, params: JSON.parse(text), timeout_ms: Math.ceil(timeoutMs) });
      });
    } finally {
      const { ack, answer } = this.#asked.get(id);
      clearTimeout(ack);
      clearTimeout(answer);
      this.#asked.delete(id);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Takes a message. @returns {boolean} whether it is one of calls */
  receive(message) {
    const asked = this.#asked.get(message.id);
    switch (message.type) {
      case "rpc_request":
        this.#take(message);
        return true;
      case "rpc_cancel":
        this.#served.get(message.id)?.abort();
        return true;
      case "rpc_ack":
        clearTimeout(asked?.ack);
        return true;
      case "rpc_result":
        asked?.resolve(message.value);
        return true;
      case "rpc_error":
        asked?.reject(new RpcError(message.code, message.message));
        return true;
      default:
        return false;
    }
  }

  /** The other side is gone. */
  close(why = "the call is over") {
    if (this.#gone) return;
    this.#gone = why;
    for (const { reject } of this.#asked.values()) reject(new RpcError(RpcCode.RECIPIENT_DISCONNECTED, why));
    for (const served of this.#served.values()) served.abort();
  }

  #take({ id, method, params, timeout_ms: timeoutMs }) {
    if (this.#gone || id <= this.#forgotten || this.#seen.has(id)) return;
    this.#seen.add(id);
    if (this.#seen.size > REMEMBERED) {
      const [oldest] = this.#seen;
      this.#seen.delete(oldest);
      this.#forgotten = Math.max(this.#forgotten, oldest);
    }
    const served = this.#methods.get(method);
    if (!served) return this.#refuse(id, RpcCode.UNSUPPORTED_METHOD, `there is no method ${method}`);
    if (this.#served.size >= AT_ONCE) return this.#refuse(id, RpcCode.TOO_MANY_CALLS, `${AT_ONCE} calls are under way already`);
    this.#send({ type: "rpc_ack", id });
    this.#run(id, method, served, params, timeoutMs);
  }

  async #run(id, name, method, params, timeoutMs) {
    const stop = new AbortController();
    this.#served.set(id, stop);
    let wanted = true;
    stop.signal.addEventListener("abort", () => (wanted = false));
    const late = setTimeout(() => {
      if (wanted) this.#refuse(id, RpcCode.RESPONSE_TIMEOUT, `${name} took too long`);
      stop.abort();
    }, timeoutMs);
    try {
      const text = written((await method(params, { signal: stop.signal })) ?? null);
      if (!wanted) return;
      if (bytes(text) > MOST_PAYLOAD) this.#refuse(id, RpcCode.RESPONSE_PAYLOAD_TOO_LARGE, `at most ${MOST_PAYLOAD} bytes are carried`);
      else this.#send({ type: "rpc_result", id, value: JSON.parse(text) });
    } catch (error) {
      if (!wanted) return;
      if (error instanceof RpcError) return void this.#refuse(id, error.code, error.message);
      console.error(`${name}:`, error);
      this.#refuse(id, RpcCode.APPLICATION_ERROR, `${name} failed`);
    } finally {
      clearTimeout(late);
      this.#served.delete(id); // only now: what does not stop keeps its place
    }
  }

  #refuse(id, code, message) {
    this.#send({ type: "rpc_error", id, code, message: String(message).slice(0, MOST_TEXT) });
  }
}

/** As JSON; half a character, which UTF-8 cannot carry, becomes a replacement. */
function written(value) {
  const text = JSON.stringify(value, (_, each) => (typeof each === "string" ? (each.toWellFormed?.() ?? each) : each));
  if (text === undefined) throw new TypeError("this is nothing that JSON can carry");
  return text;
}

function bytes(text) {
  return new TextEncoder().encode(text).length;
}
