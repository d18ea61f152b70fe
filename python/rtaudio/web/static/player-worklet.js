// The player on the audio thread: PlayerCore at the wire's rate, resampled to the context's.
//
// In:  {audio: {position, samples: Int16Array, start, end}}, {clear: {id, position}}, {duck: {gain, rampMs, position}}
// Out: {report} every 50 ms and at each change of state, {cleared}

import { PlayerCore } from "./player-core.js";
import { Resampler } from "./resample.js";

const REPORT_S = 0.05;

class Player extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate, startS } }) {
    super();
    this.core = new PlayerCore(rate, startS);
    this.core.onCleared = (cleared) => this.port.postMessage({ cleared, report: this.core.report() });
    this.resampler = new Resampler(rate, sampleRate);
    this.chunk = Math.max(1, Math.ceil((128 * rate) / sampleRate));
    this.ready = new Float32Array(0);
    this.sinceReport = 0;
    this.told = "";
    this.peak = 0;
    this.port.onmessage = ({ data }) => this.#take(data);
  }

  #take({ audio, clear, duck }) {
    if (audio) {
      const samples = Float32Array.from(audio.samples, (sample) => sample / 32768);
      this.core.push(audio.position, samples, audio.start, audio.end);
    }
    if (clear) this.core.clear(clear.id, clear.position);
    if (duck) this.core.duck(duck.gain, duck.rampMs, duck.position);
  }

  process(_inputs, [channels]) {
    const count = channels[0].length;
    while (this.ready.length < count) {
      const more = this.resampler.process(this.core.pull(this.chunk));
      const joined = new Float32Array(this.ready.length + more.length);
      joined.set(this.ready);
      joined.set(more, this.ready.length);
      this.ready = joined;
    }
    for (const channel of channels) channel.set(this.ready.subarray(0, count));
    for (let n = 0; n < count; n++) this.peak = Math.max(this.peak, Math.abs(this.ready[n]));
    this.ready = this.ready.slice(count);
    this.sinceReport += count;
    if (this.sinceReport >= REPORT_S * sampleRate || this.core.state !== this.told) {
      this.port.postMessage({ report: { ...this.core.report(), peak: this.peak } });
      this.told = this.core.state;
      this.sinceReport = 0;
      this.peak = 0;
    }
    return true;
  }
}

registerProcessor("rtaudio-player", Player);
