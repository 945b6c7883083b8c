// Tiles with the newest figures, and a plot of the last hour in each.

import { $, el, mark, say, svg } from './dom.js';
import { between, bytes, bytesPerSecond, clock, count, micros, percent, plural, span } from './words.js';

/** The plots' own units: they are stretched to their tiles. */
const WIDTH = 240;
const HEIGHT = 44;
/** Points of a line, and bars; more would be narrower than a pixel. */
const POINTS_MAX = 120;
const BARS_MAX = 60;
/** Rows of the hour that are kept, and the shortest time that a plot spans. */
const ROWS_MAX = 360;
const SPAN_MS_MIN = 300_000;

const total = (counts) => Object.values(counts ?? {}).reduce((sum, n) => sum + n, 0);
const worst = (shards, figure) => Math.max(0, ...(shards ?? []).map((shard) => shard[figure]?.p99 ?? 0));

/**
 * `column`: of the history; `now`: its newest value; `floor`: the least full scale, so that noise stays small. `peak`: of
 * several values the greatest counts. `sum`: events, whose number in the whole hour counts; without a column, those since
 * the page was opened.
 */
const TILES = [
  { title: 'Rooms', column: 'rooms', now: (o) => o.rooms, show: count, floor: 4, note: (o) => `${count(o.ticks_s)} ticks/s` },
  { title: 'People', column: 'players', now: (o) => o.players, show: count, floor: 4, note: (o) => `${plural(o.bots, 'bot')}, ${count(o.spectators)} watch` },
  { title: 'CPU', column: 'cpu_percent', now: (o) => o.cpu_percent, show: percent, floor: 10, note: () => 'of one core' },
  { title: 'Memory', column: 'memory_bytes', now: (o) => o.memory?.bytes, show: bytes, floor: 1e6, note: (o) => (o.memory?.bytes_max ? `of ${bytes(o.memory.bytes_max)}` : '') },
  { title: 'Sent', column: 'bytes_out_s', now: (o) => o.bytes_out_s, show: bytesPerSecond, floor: 1000, note: (o) => `${count(o.connections)} connected` },
  { title: 'Received', column: 'bytes_in_s', now: (o) => o.bytes_in_s, show: bytesPerSecond, floor: 1000, note: (o) => plural(o.visitors, 'visitor') },
  { title: 'Tick time', column: 'turn_p99_us', now: (o) => worst(o.shards, 'turn_us'), show: micros, floor: 1000, peak: true, note: () => 'p99' },
  { title: 'Lateness', column: 'late_p99_us', now: (o) => worst(o.shards, 'late_us'), show: micros, floor: 1000, peak: true, note: () => 'p99' },
  { title: 'Late inputs', column: 'late_inputs_s', now: (o) => o.inputs?.late_s, show: count, floor: 10, peak: true, note: (o) => `${count(o.inputs?.starved_s)} starved` },
  { title: 'Corrections', column: 'corrections_s', now: (o) => o.inputs?.corrections_s, show: count, floor: 10, peak: true, note: () => 'a second' },
  { title: 'Desyncs', column: 'desyncs', now: (o) => o.desyncs?.confirmed, show: count, floor: 2, sum: true, trouble: true, note: () => 'confirmed' },
  { title: 'Closed', column: 'closes', now: (o) => total(o.closes), show: count, floor: 5, sum: true, note: () => 'connections' },
  { title: 'Refused', column: 'refusals', now: (o) => total(o.refusals), show: count, floor: 5, sum: true, note: () => 'at the door' },
  { title: 'Warnings', now: (o) => o.log?.warnings, show: count, floor: 5, sum: true, note: () => 'in the log' },
];

export class Tiles {
  #tiles = TILES.map((about) => new Tile(about));
  #columns = [];
  #rows = [];
  #stepMs = 10_000;

  constructor() {
    $('tiles').append(...this.#tiles.map(({ node }) => node));
  }

  /** A message of `admin/history`: the whole hour, or its newest row. */
  take({ step_s, columns, rows, row }) {
    this.#stepMs = (step_s ?? 10) * 1000;
    if (columns) [this.#columns, this.#rows] = [columns, rows ?? []];
    else if (row) this.#rows.push(row);
    this.#rows.splice(0, this.#rows.length - ROWS_MAX);
  }

  /** Shows the newest figures, and the hour that leads to them. */
  show(overview) {
    const at = this.#columns.indexOf('at_ms');
    const end = overview.at_ms ?? Date.now();
    const begin = Math.min(this.#rows[0]?.[at] ?? end, end - SPAN_MS_MIN);
    const spanWords = span((end - begin) / 1000).replace(/^1 h$/, 'hour');
    say($('span'), `the last ${spanWords}`);
    for (const tile of this.#tiles) {
      const column = this.#columns.indexOf(tile.about.column);
      const past = column < 0 ? [] : this.#rows.map((row) => ({ at: row[at], value: row[column] ?? 0 }));
      tile.show(overview, past, { begin, end, stepMs: this.#stepMs, words: spanWords });
    }
  }
}

class Tile {
  about;
  node;
  #value = el('p', { class: 'value' });
  #note = el('span');
  #range = el('span', { class: 'range' });
  #area = svg('path', { class: 'area' });
  #line = svg('path', { class: 'line' });
  #cursor = svg('path', { class: 'cursor' });
  #plot;
  #points = [];
  #own = [];
  #frame = { begin: 0, end: 1 };
  #rangeWords = '';

  constructor(about) {
    this.about = about;
    this.#plot = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' }, this.#area, this.#line, this.#cursor);
    this.#plot.onpointermove = (event) => this.#point(event);
    this.#plot.onpointerleave = () => this.#unpoint();
    this.node = el('li', {}, el('h3', {}, about.title), this.#value, this.#plot, el('p', { class: 'foot' }, this.#note, this.#range));
  }

  show(overview, past, frame) {
    const { about } = this;
    const now = about.now(overview) ?? 0;
    this.#frame = frame;
    if (!about.column) past = this.#collect(frame, now);
    // The newest row of the hour and the newest second are about the same time: for events, the second is in no row yet.
    this.#points = about.sum ? bars(past, frame) : line([...past, { at: frame.end, value: now }], frame, about.peak);
    const values = this.#points.map(({ value }) => value);
    const [least, greatest] = [Math.min(...values), Math.max(...values)];
    const hour = about.sum ? past.reduce((sum, { value }) => sum + value, 0) : now;
    say(this.#value, about.show(hour));
    say(this.#note, about.note(overview));
    mark(this.node, 'data-level', about.trouble && hour > 0 ? 'bad' : null);
    this.#rangeWords = about.sum ? `${count(now)} now` : between(about.show, least, greatest);
    if (!this.#cursor.getAttribute('d')) say(this.#range, this.#rangeWords);
    mark(this.#plot, 'aria-label', about.sum
      ? `${about.title}, the last ${frame.words}: ${about.show(hour)} in all; now ${count(now)}, at most ${about.show(greatest)} in ${span(this.#points.stepMs / 1000)}`
      : `${about.title}, the last ${frame.words}: now ${about.show(now)}, least ${about.show(least)}, greatest ${about.show(greatest)}`);
    this.#draw(Math.max(greatest, about.floor) * 1.08);
  }

  /** The hour of a figure that the server keeps no history of. */
  #collect({ begin, end }, value) {
    // The same second may be shown twice.
    if (this.#own.at(-1)?.at !== end) this.#own.push({ at: end, value });
    while (this.#own[0].at < begin) this.#own.shift();
    return this.#own;
  }

  #draw(top) {
    const x = (at) => (((at - this.#frame.begin) / (this.#frame.end - this.#frame.begin)) * WIDTH).toFixed(1);
    const y = (value) => (HEIGHT - (value / top) * (HEIGHT - 2) - 1).toFixed(1);
    if (this.about.sum) {
      const width = Math.max((this.#points.stepMs / (this.#frame.end - this.#frame.begin)) * WIDTH - 1, 1).toFixed(1);
      const bar = ({ at, value }) => (value ? `M${x(at)} ${HEIGHT}V${y(value)}h${width}V${HEIGHT}z` : '');
      mark(this.#area, 'd', this.#points.map(bar).join('') || `M0 ${HEIGHT}`);
      mark(this.#area, 'class', 'bars');
      mark(this.#line, 'd', `M0 ${HEIGHT - 0.5}H${WIDTH}`);
      return;
    }
    const path = this.#points.map(({ at, value }) => `${x(at)} ${y(value)}`).join('L');
    mark(this.#line, 'd', `M${path}`);
    mark(this.#area, 'd', `M${x(this.#points[0].at)} ${HEIGHT}L${path}L${WIDTH} ${HEIGHT}z`);
  }

  /** Names the value under the mouse or finger. */
  #point({ clientX }) {
    const { left, width } = this.#plot.getBoundingClientRect();
    const part = Math.min(Math.max((clientX - left) / width, 0), 1);
    const at = this.#frame.begin + part * (this.#frame.end - this.#frame.begin);
    const before = this.#points.findLast((point) => point.at <= at) ?? this.#points[0];
    if (!before) return;
    mark(this.#cursor, 'd', `M${(part * WIDTH).toFixed(1)} 0V${HEIGHT}`);
    say(this.#range, `${clock(before.at).slice(0, 5)}: ${this.about.show(before.value)}`);
  }

  #unpoint() {
    this.#cursor.removeAttribute('d');
    say(this.#range, this.#rangeWords);
  }
}

/** At most so many points: of those that fall together the mean, or the greatest. */
function line(past, { begin, end }, peak) {
  return together(past, (end - begin) / POINTS_MAX, begin).map(({ at, values }) => ({
    at, value: peak ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0) / values.length,
  }));
}

/** Events in steps of equal length. */
function bars(past, { begin, end, stepMs }) {
  const step = Math.max(Math.ceil((end - begin) / BARS_MAX / stepMs), 1) * stepMs;
  const points = together(past, step, begin).map(({ from, values }) => ({ at: from, value: values.reduce((sum, value) => sum + value, 0) }));
  points.stepMs = step;
  return points.length ? points : Object.assign([{ at: begin, value: 0 }], { stepMs: step });
}

function together(past, step, begin) {
  const groups = [];
  for (const { at, value } of past) {
    // Groups are fixed in time: they would flicker if they moved with the frame.
    const from = Math.max(Math.floor(at / step) * step, begin);
    const group = groups.at(-1);
    if (group?.from === from) {
      group.values.push(value);
      group.at = at;
    } else {
      groups.push({ from, at, values: [value] });
    }
  }
  return groups;
}
