// The player's queue: what the agent says, at the wire's rate. Pure: messages and pulls in, samples and reports out.
//
//   EMPTY ──audio──► STARTING ──startSamples held, or waited, or END──► PLAYING ──ran dry──► EMPTY   (underrun unless END)
//   clear: what sounds fades within 5 ms (counted as played), the rest before the position is dropped and counted.
//
// Every sample of an audio message is counted once: received = played + dropped + queued.

export const FADE_S = 0.005;
const MOST_GAP_S = 2; // a longer silence between messages is not kept
const MOST_GAINS = 64; // changes that what is held may span; of more, the oldest is forgotten
const MOST_FACTOR = 16; // what was turned down when it was sent is turned up again by no more than 24 dB

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
    this.clears = []; // under way: the fade has not come to its end
    this.onCleared = () => {};
    this.envelope = this.fade; // 0 .. fade
    this.waited = 0;
    this.last = 0; // the last sample put out, which decays where the queue runs dry
    this.decay = 0;
    this.ended = true; // the last message said END
    this.gain = 1; // of what is played, now
    this.ramp = { from: 1, to: 1, done: 0, samples: 0 };
    this.baked = [{ position: 0, gain: 1 }]; // from each position on, what the samples have in them already
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

  /** Brings what is played to `gain` (linear) over `rampMs`; from `position` on it is in the samples already. */
  duck(gain, rampMs, position) {
    this.ramp = { from: this.gain, to: gain, done: 0, samples: Math.round((rampMs / 1000) * this.rate) };
    this.baked.push({ position, gain });
    if (this.baked.length > MOST_GAINS) this.baked.shift();
  }

  /** The next `count` samples for the loudspeaker. @returns {Float32Array} */
  pull(count) {
    const out = new Float32Array(count);
    for (let n = 0; n < count; n++) out[n] = this.#next();
    return out;
  }

  report() {
    const { state, position, received, played, dropped, queued, silence, underruns, gaps } = this;
    return { state, position, received, played, dropped, queued, silence, underruns, gaps };
  }

  #next() {
    if (this.state === "starting") {
      const whole = this.queued >= this.start || this.waited >= this.start || this.queue.some((each) => each.end);
      if (whole) this.state = "playing";
      else this.waited++;
    }
    if (this.state !== "playing") return this.#quiet();
    const falls = this.clears.length > 0;
    if (falls && this.envelope === 0) {
      this.#finishClears();
      return this.#quiet();
    }
    this.envelope = falls ? this.envelope - 1 : Math.min(this.fade, this.envelope + 1);
    const sample = this.#take();
    if (sample === null) return this.#quiet();
    const factor = this.#factor(this.position - 1);
    this.last = this.envelope === this.fade && factor === 1 ? sample : sample * factor * (this.envelope / this.fade);
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
    this.envelope = this.fade;
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

  /** What the sample at `position` is played at, beyond what it has in it. */
  #factor(position) {
    const { ramp, baked } = this;
    this.gain = ramp.done >= ramp.samples ? ramp.to : ramp.from + ((ramp.to - ramp.from) * ramp.done) / ramp.samples;
    ramp.done++;
    while (baked.length > 1 && baked[1].position <= position) baked.shift();
    if (baked.length === 1) return 1; // nothing was changed after this sample was sent
    return baked[0].gain > 0 ? Math.min(this.gain / baked[0].gain, MOST_FACTOR) : 1;
  }
}
