// The microphone on the audio thread: mixed to mono, resampled to the wire's rate, in frames of 20 ms.
//
// In:  {muted}. Muted, it sends zeros: a line that brings nothing is a line that stalls.
// Out: {position, samples: Int16Array, peak}

import { Resampler } from "./resample.js";

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.resampler = new Resampler(sampleRate, rate);
    this.frame = new Int16Array(Math.round(rate / 50));
    this.filled = 0;
    this.position = 0;
    this.peak = 0;
    this.muted = false;
    this.port.onmessage = ({ data }) => (this.muted = Boolean(data.muted));
  }

  process([channels]) {
    const mono = new Float32Array(channels.length > 0 ? channels[0].length : 128); // nothing connected: silence
    if (!this.muted) {
      for (const channel of channels) for (let n = 0; n < mono.length; n++) mono[n] += channel[n] / channels.length;
    }
    for (const sample of this.resampler.process(mono)) {
      this.peak = Math.max(this.peak, Math.abs(sample));
      this.frame[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      if (this.filled === this.frame.length) {
        const samples = this.frame.slice();
        this.port.postMessage({ position: this.position, samples, peak: this.peak }, [samples.buffer]);
        this.position += this.frame.length; // `samples` went with its buffer
        this.filled = 0;
        this.peak = 0;
      }
    }
    return true;
  }
}

registerProcessor("rtaudio-capture", Capture);
