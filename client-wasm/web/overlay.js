// The network overlay: three traces of the last seconds, the numbers of `stats()`, and the bad-network panel.

const SAMPLES = 120;
const PAD_PX = 7;
const LANES = [
  // A value of `stats()`, the smallest full scale, and the value as text.
  { read: (s) => s.rtt_ms, floor: 60, colour: '#6fd3c7', show: (v) => `${v.toFixed(0)} ms` },
  { read: (s) => s.correction_units ?? s.correction_units_max, floor: 1, colour: '#ff5a36', show: (v) => `${v.toFixed(2)} u` },
  { read: (s) => s.bytes_in_per_s, floor: 1000, colour: '#efe9dc', show: (v) => (v < 10000 ? `${v.toFixed(0)} B/s` : `${(v / 1000).toFixed(1)} kB/s`) },
];
const fixed = (digits) => (v) => Number(v).toFixed(digits);
const NUMBERS = [
  ['tick', 'tick'], ['ahead', (s) => s.predicted_tick - s.tick], ['jitter', 'jitter_ms', fixed(1)], ['lead', 'input_lead_ticks', fixed(1)],
  ['rollbacks', 'rollbacks'], ['deepest', 'rollback_ticks_max'], ['snapshots', 'snapshots'], ['margin', 'margin_ticks', fixed(1)],
  ['guessed', 'underruns'], ['stood still', 'stood_still'],
  ['hashes', 'hashes_compared'], ['differ', 'mismatches', undefined, (v) => v > 0],
  ['healed', (s) => `${s.desyncs_healed} of ${s.desyncs}`], ['script', () => window.tickwire.scriptMs(), (v) => `${v.toFixed(1)} ms`],
];

// Fields that are named when they were corrected; the worst first.
const CORRECTED = 3;
const corrected = ({ field, snapshots, of, units_mean: units, unpredictable }) => {
  const percent = Math.floor((100 * snapshots) / of);
  const far = units > 0 ? `${units < 9.5 ? units.toPrecision(2) : units.toFixed(0)} units ` : '';
  return `${field}: ${far}in ${percent < 1 ? 'under 1' : percent} % of snapshots${unpredictable ? ': computed on the server only?' : ''}`;
};

const $ = (id) => document.getElementById(id);

export class Overlay {
  #panel = $('overlay');
  #button = $('net');
  #form = $('link');
  #lanes;
  #numbers;
  #corrected = $('corrected');
  #next = 0;
  #setLink;
  #presets = new Map();

  /**
   * `setLink({profile, latency_ms, jitter_ms, stall_percent})` is called when the player changes the imitated
   * network.
   */
  constructor(setLink) {
    this.#setLink = setLink;
    this.#lanes = [...document.querySelectorAll('#lanes p')].map((row, i) => ({
      ...LANES[i], canvas: row.querySelector('canvas'), value: row.querySelector('b'), samples: new Float32Array(SAMPLES).fill(NaN),
    }));
    this.#numbers = NUMBERS.map(([label, read, show = String, bad]) => {
      const name = document.createElement('dt');
      const value = document.createElement('dd');
      name.textContent = label;
      $('numbers').append(name, value);
      return { read: typeof read === 'string' ? (s) => s[read] : read, show, bad, value, text: '' };
    });
    this.#button.onclick = () => this.toggle();
    this.#form.oninput = () => this.#choose(this.#read());
    this.#form.onsubmit = (event) => event.preventDefault();
  }

  /** Offers the networks with a name, once a game has told of them. */
  offer(profiles) {
    if (this.#presets.size > 0) return;
    const perfect = { name: 'off', latency_ms: 0, jitter_ms: 0, stall_percent: 0 };
    for (const { name, ...link } of [perfect, ...profiles]) {
      const button = Object.assign(document.createElement('button'), { type: 'button', textContent: name });
      button.onclick = () => this.#choose({ profile: name, ...link });
      this.#form.querySelector('.presets').append(button);
      this.#presets.set(name, { button, link });
    }
  }

  get open() {
    return !this.#panel.hidden;
  }

  toggle(open = !this.open) {
    this.#panel.hidden = !open;
    this.#button.setAttribute('aria-expanded', String(open));
  }

  /** Moves the sliders to the link's values, without changing the link. */
  showLink(wanted) {
    const { latency_ms, jitter_ms, stall_percent } = this.#presets.get(wanted.profile)?.link ?? wanted;
    const { latency, jitter, stalls } = this.#form.elements;
    latency.value = latency_ms;
    jitter.value = jitter_ms;
    stalls.value = stall_percent;
    const units = [`${latency_ms} ms`, `±${jitter_ms} ms`, `${stall_percent} %`];
    this.#form.querySelectorAll('output').forEach((output, i) => { output.textContent = units[i]; });
    for (const [name, { button }] of this.#presets) button.setAttribute('aria-pressed', String(name === wanted.profile));
  }

  /** One sample, ten times a second; draws only while open. */
  sample(stats) {
    this.#next = (this.#next + 1) % SAMPLES;
    for (const lane of this.#lanes) lane.samples[this.#next] = stats.connected ? lane.read(stats) ?? NaN : NaN;
    if (!this.open) return;
    for (const lane of this.#lanes) this.#trace(lane);
    for (const number of this.#numbers) {
      const value = number.read(stats);
      const text = value == null || Number.isNaN(value) ? '–' : number.show(value);
      if (text === number.text) continue;
      number.value.textContent = number.text = text;
      if (number.bad) number.value.classList.toggle('bad', number.bad(value));
    }
    this.#name(stats.corrected_fields ?? []);
  }

  /** Names the fields that were corrected most. */
  #name(fields) {
    const worst = fields.slice(0, CORRECTED);
    while (this.#corrected.childElementCount > worst.length) this.#corrected.lastElementChild.remove();
    worst.forEach((field, i) => {
      const line = this.#corrected.children[i] ?? this.#corrected.appendChild(document.createElement('li'));
      const text = corrected(field);
      if (line.textContent !== text) line.textContent = text;
      line.classList.toggle('bad', field.unpredictable);
    });
  }

  #trace({ canvas, samples, floor, colour, show, value }) {
    const ratio = Math.min(devicePixelRatio, 2);
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const ctx = canvas.getContext('2d');
    ctx.clearRect(0, 0, width, height);
    let top = floor;
    for (const sample of samples) if (sample > top) top = sample;
    ctx.beginPath();
    let gap = true;
    for (let i = 0; i < SAMPLES; i++) {
      const sample = samples[(this.#next + 1 + i) % SAMPLES];
      if (Number.isNaN(sample)) {
        gap = true;
        continue;
      }
      const x = ((i + 0.5) / SAMPLES) * width;
      const y = height - PAD_PX * ratio - (sample / top) * (height - 2 * PAD_PX * ratio);
      if (gap) ctx.moveTo(x, y);
      else ctx.lineTo(x, y);
      gap = false;
    }
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.25 * ratio;
    ctx.lineJoin = 'round';
    ctx.stroke();
    const last = samples[this.#next];
    value.textContent = Number.isNaN(last) ? '–' : show(last);
  }

  #choose(wanted) {
    this.showLink(wanted);
    this.#setLink(wanted);
  }

  #read() {
    const { latency, jitter, stalls } = this.#form.elements;
    return { profile: '', latency_ms: latency.valueAsNumber, jitter_ms: jitter.valueAsNumber, stall_percent: stalls.valueAsNumber };
  }
}
