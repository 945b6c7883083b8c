// The server's figures: tiles with the newest ones and a plot of the last hour in each; shards, each with a picture of how
// late its ticks began, where a column is a second and a row a range of lateness; and connections closed and refused.

import { $, Rows, el, mark, say, svg } from './dom.js';
import { between, bytes, bytesPerSecond, clock, closeWords, count, isKnown, micros, percent, plural, refusalWords, span } from './words.js';

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
const worst = (shards = [], figure) => Math.max(0, ...shards.map((shard) => shard[figure]?.p99 ?? 0));
/** The slow lane is there to be late. */
const punctual = (shards = []) => shards.filter((shard) => !shard.is_slow_lane);

/**
 * `column`: of the history; `now`: its newest value; `floor`: the least full scale, so that noise stays small. `peak`: of
 * several values the greatest counts. `sum`: events, whose number in the whole hour counts. `grows`: events that are
 * counted from the server's start on; when they came is known from the time on at which the page was opened.
 */
const TILES = [
  { title: 'Rooms', column: 'rooms', now: (o) => o.rooms, show: count, floor: 4, note: (o) => `${count(o.ticks_s)} ticks/s` },
  { title: 'People', column: 'players', now: (o) => o.players, show: count, floor: 4, note: (o) => `${plural(o.bots, 'bot')}, ${count(o.spectators)} watch` },
  { title: 'CPU', column: 'cpu_percent', now: (o) => o.cpu_percent, show: percent, floor: 10, note: () => 'of one core' },
  { title: 'Memory', column: 'memory_bytes', now: (o) => o.memory?.bytes, show: bytes, floor: 1e6, note: (o) => (o.memory?.bytes_max ? `of ${bytes(o.memory.bytes_max)}` : '') },
  { title: 'Sent', column: 'bytes_out_s', now: (o) => o.bytes_out_s, show: bytesPerSecond, floor: 1000, note: (o) => `${count(o.connections)} connected` },
  { title: 'Received', column: 'bytes_in_s', now: (o) => o.bytes_in_s, show: bytesPerSecond, floor: 1000, note: (o) => plural(o.visitors, 'visitor') },
  { title: 'Tick time', column: 'turn_p99_us', now: (o) => worst(o.shards, 'turn_us'), show: micros, floor: 1000, peak: true, note: () => 'p99' },
  { title: 'Lateness', column: 'late_p99_us', now: (o) => worst(punctual(o.shards), 'late_us'), show: micros, floor: 1000, peak: true, note: () => 'p99' },
  { title: 'Late inputs', column: 'late_inputs_s', now: (o) => o.inputs?.late_s, show: count, floor: 10, peak: true, note: (o) => `${count(o.inputs?.starved_s)} starved` },
  { title: 'Corrections', column: 'corrections_s', now: (o) => o.inputs?.corrections_s, show: count, floor: 10, peak: true, note: () => 'a second' },
  { title: 'Desyncs', column: 'desyncs', now: (o) => o.desyncs?.confirmed, show: count, floor: 2, sum: true, trouble: true, note: () => 'confirmed' },
  { title: 'Closed', column: 'closes', now: (o) => total(o.closes), show: count, floor: 5, sum: true, note: () => 'connections' },
  { title: 'Refused', column: 'refusals', now: (o) => total(o.refusals), show: count, floor: 5, sum: true, note: () => 'at the door' },
  { title: 'Warnings', now: (o) => o.log?.warnings, show: count, floor: 5, sum: true, grows: true, note: (o) => plural(o.log?.errors, 'error') },
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
      const past = this.#rows.map((row) => ({ at: row[at], value: row[column] })).filter(({ value }) => isKnown(value));
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
  #before;
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
    const now = about.now(overview);
    if (!isKnown(now)) return this.#unknown();
    this.#frame = frame;
    if (about.grows) past = this.#collect(frame, now);
    // The newest row of the hour and the newest second are about the same time: for events, the second is in no row yet.
    this.#points = about.sum ? bars(past, frame) : line([...past, { at: frame.end, value: now }], frame, about.peak);
    const values = this.#points.map(({ value }) => value);
    // A point may be the peak of several values, and the newest one lower than all of them.
    if (!about.sum) values.push(now);
    const [least, greatest] = [Math.min(...values), Math.max(...values)];
    const hour = about.sum && !about.grows ? past.reduce((sum, { value }) => sum + value, 0) : now;
    say(this.#value, about.show(hour));
    say(this.#note, about.note(overview));
    mark(this.node, 'data-level', about.trouble && hour > 0 ? 'bad' : null);
    this.#rangeWords = about.grows ? 'since the start' : about.sum ? `${count(now)} now` : between(about.show, least, greatest);
    if (!this.#cursor.getAttribute('d')) say(this.#range, this.#rangeWords);
    mark(this.#plot, 'aria-label', about.sum
      ? `${about.title}, ${about.grows ? 'since the start' : `the last ${frame.words}`}: ${about.show(hour)} in all; ${about.grows ? '' : `now ${count(now)}; `}in ${span(this.#points.stepMs / 1000)} least ${about.show(least)}, greatest ${about.show(greatest)}`
      : `${about.title}, the last ${frame.words}: now ${about.show(now)}, least ${about.show(least)}, greatest ${about.show(greatest)}`);
    this.#draw(Math.max(greatest, about.floor) * 1.08);
  }

  /** A figure that the server does not have is no zero. */
  #unknown() {
    say(this.#value, '–');
    say(this.#note, 'not reported');
    say(this.#range, '');
    mark(this.#plot, 'aria-label', `${this.about.title}: not reported by this server`);
  }

  /** The events of the hour, of a count that only grows. */
  #collect({ begin, end }, now) {
    this.#own.push({ at: end, value: Math.max(now - (this.#before ?? now), 0) });
    this.#before = now;
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

/** Seconds in a picture, and in the tables of what was closed and refused. */
const SECONDS = 180;
const TALLY_SECONDS = 300;
/** With more shards than this, their pictures are lower. */
const MANY = 4;
/** Colours of rows from on time to late, and the ground under them. */
const RAMP = ['#2f8f86', '#43a399', '#57b5ac', '#7fd0bd', '#c5d9a5', '#f0d68a', '#f5b352', '#f98e44', '#ff6a3c', '#ff3b30'];
const GROUND = '#141210';
/** Closes that are nobody's wish. */
const BAD_CLOSES = new Set(['1011', '4000', '4006', '4007', '4009', '4011']);

/** One late tick among hundreds has to be seen: the scale begins bright, and grows slowly. */
const strength = (part) => 0.42 + 0.58 * part ** 0.4;
const hue = (row, rows) => RAMP[Math.round((row * (RAMP.length - 1)) / Math.max(rows - 1, 1))];

/** A range of lateness in words. */
function range(bounds, row) {
  if (row >= bounds.length) return `more than ${micros(bounds.at(-1))}`;
  return row ? `${micros(bounds[row - 1])} to ${micros(bounds[row])}` : `at most ${micros(bounds[0])}`;
}

export class Shards {
  #bounds = [];
  #lanes = new Rows($('shards'), ({ shard }) => `${shard.shard} ${shard.is_slow_lane}`, ({ shard }) => new Lane(shard.shard), (lane, item) => lane.show(item));
  #tallies = [new Tally($('closes'), closeWords, (code) => BAD_CLOSES.has(code)), new Tally($('refusals'), refusalWords, () => true)];

  show({ shards = [], late_bounds_us = [], at_ms = Date.now(), closes, refusals }) {
    this.#bounds = late_bounds_us;
    mark($('shards'), 'data-many', shards.length > MANY ? '' : null);
    this.#lanes.show(shards.map((shard) => ({ shard, at: at_ms, bounds: this.#bounds })));
    this.#tallies[0].add(closes, at_ms);
    this.#tallies[1].add(refusals, at_ms);
  }
}

class Lane {
  node;
  #name;
  #kind = el('small');
  #meter;
  #bar = el('i');
  #load = el('b');
  #turn = el('dd');
  #late = el('dd');
  #canvas = el('canvas', { role: 'img' });
  #axis = el('div', { class: 'axis', 'aria-hidden': 'true' });
  #words = el('p', { class: 'hint' });
  #columns = [];
  #last = 0;
  #bounds = [];

  constructor(index) {
    this.#name = el('h3', {}, `Shard ${index}`);
    this.#meter = el('div', { class: 'meter', role: 'meter', 'aria-label': `Load of shard ${index}`, 'aria-valuemin': 0, 'aria-valuemax': 100 }, this.#bar);
    const figures = el('dl', {}, el('dt', {}, 'tick'), this.#turn, el('dt', {}, 'late'), this.#late);
    const times = el('p', { class: 'times', 'aria-hidden': 'true' }, el('span', {}, '3 min ago'), el('span', {}, '2'), el('span', {}, '1'), el('span', {}, 'now'));
    this.node = el('li', {}, el('header', {}, this.#name, this.#kind), el('p', { class: 'load' }, this.#load), this.#meter, figures,
      el('div', { class: 'heat' }, this.#axis, el('div', { class: 'cells' }, this.#canvas)), times, this.#words);
    this.#canvas.onpointermove = (event) => this.#point(event);
  }

  show({ shard, at, bounds }) {
    say(this.#kind, `${plural(shard.rooms, 'room')}${shard.is_slow_lane ? ', the slow lane' : ''}`);
    const load = Math.min(Math.max(shard.load_percent ?? 0, 0), 100);
    say(this.#load, percent(shard.load_percent));
    mark(this.#meter, 'aria-valuenow', Math.round(load));
    mark(this.#meter, 'data-level', shard.is_slow_lane || load < 70 ? 'ok' : load < 85 ? 'care' : 'bad');
    this.#bar.style.width = `${load}%`;
    const three = ({ p50, p99, max } = {}) => `${micros(p50)} · ${micros(p99)} · ${micros(max)}`;
    say(this.#turn, three(shard.turn_us));
    say(this.#late, three(shard.late_us));
    if (bounds.join() !== this.#bounds.join() || !this.#axis.firstChild) this.#lay(bounds);
    const counts = shard.late_counts ?? [];
    this.#push(counts, at);
    const told = this.#told();
    say(this.#words, told);
    mark(this.#canvas, 'aria-label', `Lateness of the ticks of shard ${shard.shard}. ${told}`);
  }

  /** Another table of bounds, such as that of another version, begins the picture anew. */
  #lay(bounds) {
    this.#bounds = bounds;
    this.#columns = [];
    this.#canvas.width = SECONDS;
    this.#canvas.height = bounds.length + 1;
    this.#clear(0, SECONDS);
    const labels = bounds.map((bound, row) => (row % 2 ? '' : micros(bound)));
    this.#axis.replaceChildren(...['', ...labels.toReversed()].map((label) => el('span', {}, label)));
    this.#axis.style.gridTemplateRows = `repeat(${bounds.length + 1}, 1fr)`;
  }

  #clear(from, width) {
    const ctx = this.#canvas.getContext('2d');
    ctx.fillStyle = GROUND;
    ctx.fillRect(from, 0, width, this.#canvas.height);
  }

  #push(counts, at) {
    // Seconds without news stay dark, so that time runs evenly.
    const gap = this.#columns.length ? Math.round((at - this.#last) / 1000) : 1;
    if (gap <= 0) return;
    this.#last = at;
    for (let i = 1; i < Math.min(gap, SECONDS); i++) this.#columns.push(null);
    this.#columns.push(counts);
    this.#columns.splice(0, this.#columns.length - SECONDS);
    const ctx = this.#canvas.getContext('2d');
    const shift = Math.min(gap, SECONDS);
    ctx.drawImage(this.#canvas, -shift, 0);
    this.#clear(SECONDS - shift, shift);
    const rows = this.#canvas.height;
    const all = counts.reduce((sum, n) => sum + n, 0);
    counts.forEach((n, row) => {
      if (!n) return;
      ctx.globalAlpha = strength(n / all);
      ctx.fillStyle = hue(row, rows);
      ctx.fillRect(SECONDS - 1, rows - 1 - row, 1, 1);
    });
    ctx.globalAlpha = 1;
  }

  /** The latest tick of the picture, in words. */
  #told() {
    let [row, ago] = [-1, 0];
    this.#columns.forEach((counts, at) => {
      const top = counts?.findLastIndex((n) => n > 0) ?? -1;
      if (top >= row) [row, ago] = [top, this.#columns.length - 1 - at];
    });
    if (row < 0) return 'No tick yet.';
    return `Latest in ${span(this.#columns.length)}: ${range(this.#bounds, row)}, ${ago ? `${span(ago)} ago` : 'now'}.`;
  }

  #point({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const rows = this.#canvas.height;
    const ago = SECONDS - 1 - Math.floor(((clientX - left) / width) * SECONDS);
    const row = rows - 1 - Math.min(Math.floor(((clientY - top) / height) * rows), rows - 1);
    const counts = this.#columns.at(-1 - ago);
    const all = counts?.reduce((sum, n) => sum + n, 0);
    say($('cell'), counts ? `${this.#name.textContent}, ${span(ago)} ago: ${count(counts[row])} of ${plural(all, 'tick')} began ${range(this.#bounds, row)} late` : `No figures of ${span(ago)} ago.`);
  }
}

/** Events by name in the last minutes. */
class Tally {
  #seconds = [];
  #rows;

  constructor(parent, words, isBad) {
    const make = ({ name }) => {
      const number = el('td');
      return { node: el('tr', { 'data-level': isBad(name) ? 'care' : undefined }, el('th', { scope: 'row' }, name), el('td', {}, words(name)), number), number };
    };
    this.#rows = new Rows(parent, ({ name }) => name, make, (row, { n }) => say(row.number, count(n)));
  }

  add(counts = {}, at) {
    this.#seconds.push({ counts, at });
    while (this.#seconds[0].at < at - TALLY_SECONDS * 1000) this.#seconds.shift();
    const sums = new Map();
    for (const second of this.#seconds) for (const [name, n] of Object.entries(second.counts)) if (n) sums.set(name, (sums.get(name) ?? 0) + n);
    const sorted = [...sums].map(([name, n]) => ({ name, n })).sort((a, b) => b.n - a.n || (a.name < b.name ? -1 : 1));
    this.#rows.show(sorted.length ? sorted : [{ name: 'none', n: 0 }]);
  }
}
