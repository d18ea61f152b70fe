// The player's queue: what the agent says, at the wire's rate. Pure: messages and pulls in, samples and reports out.
//
//   EMPTY ──audio──► STARTING ──startSamples held, or waited, or END──► PLAYING ──ran dry──► EMPTY   (underrun unless END)
//                                                                        │  ▲
//                                                                        └──┘ pause: fades out, holds; resume: fades in
//   clear: what sounds fades within 5 ms (counted as played), the rest before the position is dropped and counted.
//
// Every sample of an audio message is counted once: received = played + dropped + queued.

export const FADE_S = 0.005;
const MOST_GAP_S = 2; // a longer silence between messages is not kept

export class PlayerCore {
  /** @param {number} rate Hz @param {number} startS how much is held before it begins, or how long it waits for that */
  constructor(rate, startS = 0.06) {
    this.rate = rate;
    this.fade = Math.round(FADE_S * rate);
    this.start = Math.round(startS * rate);
    this.state = "empty";
    this.queue = []; // {position, samples, at, start, end}
    this.position = 0; // on the server's media clock: everything before it was played, dropped, or never sent
    this.received = this.played = this.dropped = this.queued = 0;
    this.silence = this.underruns = this.gaps = 0;
    this.paused = false;
    this.clears = []; // under way: the fade has not come to its end
    this.onCleared = () => {};
    this.envelope = this.fade; // 0 .. fade
    this.waited = 0;
    this.last = 0; // the last sample put out, which decays where the queue runs dry
    this.decay = 0;
    this.ended = true; // the last message said END
    this.duckDb = this.duckStep = this.duckTo = 0;
    this.duckUntil = 0;
  }

  /** @param {number} position @param {Float32Array} samples @param {boolean} start @param {boolean} end */
  push(position, samples, start, end) {
    this.received += samples.length;
    this.queued += samples.length;
    this.queue.push({ position, samples, at: 0, start, end });
    if (this.state === "empty") {
      this.state = "starting";
      this.waited = 0;
      if (!this.ended) this.envelope = 0; // it goes on after an underrun
    }
  }

  clear(id, position) {
    this.clears.push({ id, position });
    const sounds = this.state === "playing" && this.envelope > 0 && this.queue.length > 0;
    if (!sounds || this.queue[0].position + this.queue[0].at >= position) this.#finishClears();
  }

  pause() {
    this.paused = true;
  }

  resume() {
    this.paused = false;
  }

  /** What is held before `until` is played `db` (0 or less) louder, reached within `rampMs`. */
  duck(db, rampMs, until) {
    this.duckTo = db;
    this.duckUntil = until;
    const samples = Math.max(1, (rampMs / 1000) * this.rate);
    this.duckStep = Math.max(Math.abs(this.duckDb - db), 1e-3) / samples;
  }

  /** The next `count` samples for the loudspeaker. @returns {Float32Array} */
  pull(count) {
    const out = new Float32Array(count);
    for (let n = 0; n < count; n++) out[n] = this.#next();
    return out;
  }

  report() {
    const { state, position, received, played, dropped, queued, silence, underruns, gaps, paused } = this;
    return { state, position, received, played, dropped, queued, silence, underruns, gaps, paused };
  }

  #next() {
    if (this.state === "starting") {
      const whole = this.queued >= this.start || this.waited >= this.start || this.queue.some((each) => each.end);
      if (whole && !this.paused) this.state = "playing";
      else this.waited++;
    }
    if (this.state !== "playing") return this.#quiet();
    const falls = this.paused || this.clears.length > 0;
    if (falls && this.envelope === 0) {
      if (this.clears.length > 0) this.#finishClears();
      return this.#quiet();
    }
    this.envelope = falls ? this.envelope - 1 : Math.min(this.fade, this.envelope + 1);
    const sample = this.#take();
    if (sample === null) return this.#quiet();
    const gain = this.#gain();
    this.last = this.envelope === this.fade && gain === 1 ? sample : sample * gain * (this.envelope / this.fade);
    this.decay = this.fade;
    return this.last;
  }

  /** The next sample of the queue, or of a gap in it; null: it is empty, or a clear has reached its end. */
  #take() {
    const head = this.queue[0];
    if (head === undefined) {
      this.state = "empty";
      if (!this.ended) this.underruns++;
      if (this.clears.length > 0) this.#finishClears();
      return null;
    }
    const at = head.position + head.at;
    if (this.clears.length > 0 && at >= this.clears.at(-1).position) {
      this.#finishClears();
      return null;
    }
    if (this.position < at && !head.start && this.received > head.samples.length && at - this.position <= MOST_GAP_S * this.rate) {
      this.position++;
      this.gaps++;
      return 0;
    }
    const sample = head.samples[head.at++];
    this.position = at + 1;
    this.played++;
    this.queued--;
    if (head.at === head.samples.length) {
      this.ended = head.end;
      this.queue.shift();
    }
    return sample;
  }

  #finishClears() {
    const upTo = this.clears.at(-1).position;
    const position = this.position;
    let dropped = 0;
    while (this.queue.length > 0 && this.queue[0].position + this.queue[0].at < upTo) {
      const head = this.queue[0];
      const gone = Math.min(head.samples.length - head.at, upTo - head.position - head.at);
      head.at += gone;
      dropped += gone;
      if (head.at === head.samples.length) this.queue.shift();
    }
    this.queued -= dropped;
    this.dropped += dropped;
    this.position = Math.max(this.position, upTo);
    this.state = this.queue.length > 0 ? "starting" : "empty";
    this.waited = 0;
    this.ended = true;
    this.paused = false;
    this.envelope = this.fade;
    this.duckDb = this.duckTo = 0;
    for (const [k, { id }] of this.clears.entries()) {
      this.onCleared({ id, position, played: this.played, dropped: k === 0 ? dropped : 0 });
    }
    this.clears = [];
  }

  #quiet() {
    this.silence++;
    if (this.decay === 0) return 0;
    this.decay--; // so that nothing ends with a click
    return this.last * (this.decay / this.fade);
  }

  #gain() {
    const to = this.position <= this.duckUntil ? this.duckTo : 0;
    if (this.duckDb === to) return to === 0 ? 1 : 10 ** (to / 20);
    const step = to === 0 && this.duckTo !== 0 ? Math.max(this.duckStep, 1e-6) : this.duckStep;
    this.duckDb = this.duckDb < to ? Math.min(to, this.duckDb + step) : Math.max(to, this.duckDb - step);
    return 10 ** (this.duckDb / 20);
  }
}
