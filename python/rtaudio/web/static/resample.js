// A streaming resampler: windowed sinc, exact positions in whole numbers, chunking never changes the output.
//
// Output sample n is the input at time n * down / up (in input samples). The filter reaches `half` input samples to each
// side, so an output sample comes `delay` input samples after the one it belongs to; before the first there was silence.

const CROSSINGS = 16; // zero crossings of the sinc to each side: about 80 dB of stop band with this window
const PASS = 0.92; // of the lower of the two bands

export class Resampler {
  /** @param {number} from Hz @param {number} to Hz */
  constructor(from, to) {
    const common = gcd(from, to);
    this.up = to / common;
    this.down = from / common;
    const cutoff = PASS * Math.min(1, to / from);
    this.half = from === to ? 0 : Math.ceil(CROSSINGS / cutoff);
    this.bank = from === to ? null : bank(this.up, this.half, cutoff);
    this.kept = new Float32Array(2 * this.half); // the input before the chunk
    this.next = 0; // input sample, from the chunk's first on, to which the next output's left neighbour is counted
    this.phase = 0; // in 0 .. up - 1
  }

  /** Input samples that an output sample comes late. */
  get delay() {
    return this.half;
  }

  /** @param {Float32Array} input @returns {Float32Array} */
  process(input) {
    if (!this.bank) return input.slice();
    const { half, up, down, bank } = this;
    const x = new Float32Array(this.kept.length + input.length);
    x.set(this.kept);
    x.set(input, this.kept.length);
    const room = Math.max(0, Math.ceil(((input.length - this.next) * up - this.phase) / down));
    const out = new Float32Array(room);
    let count = 0;
    while (this.next < input.length) {
      const taps = bank[this.phase];
      // The newest input it needs is input[next], x[next + 2 * half]; the left neighbour is `half` before that.
      let sum = 0;
      for (let k = 0, at = this.next + 1; k < taps.length; k++) sum += x[at + k] * taps[k];
      out[count++] = sum;
      this.phase += down;
      this.next += Math.floor(this.phase / up);
      this.phase %= up;
    }
    this.next -= input.length;
    this.kept = x.slice(x.length - this.kept.length);
    return count === room ? out : out.slice(0, count);
  }
}

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}

/** For each phase, 2 * half taps: from `half - 1` input samples before the left neighbour to `half` after it. */
function bank(up, half, cutoff) {
  const rows = [];
  for (let phase = 0; phase < up; phase++) {
    const taps = new Float32Array(2 * half);
    let sum = 0;
    for (let k = 0; k < taps.length; k++) {
      const t = k - (half - 1) - phase / up; // of x[left - half + 1 + k], from the output's time
      const window = Math.abs(t) >= half ? 0 : blackman(t / half);
      const angle = Math.PI * t * cutoff;
      taps[k] = window * cutoff * (angle === 0 ? 1 : Math.sin(angle) / angle);
      sum += taps[k];
    }
    for (let k = 0; k < taps.length; k++) taps[k] /= sum; // every phase passes a constant unchanged
    rows.push(taps);
  }
  return rows;
}

/** @param {number} x in -1 .. 1 */
function blackman(x) {
  return 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x);
}
