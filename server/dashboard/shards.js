// Shards: what each is busy with, and a picture of how late its ticks began: a column is a second, a row a range of
// lateness. Below, connections that were closed and refused.

import { $, Rows, el, mark, say } from './dom.js';
import { closeWords, count, micros, percent, plural, refusalWords, span } from './words.js';

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
  #lanes = new Rows($('shards'), ({ index }) => index, ({ index }) => new Lane(index), (lane, item) => lane.show(item));
  #tallies = [new Tally($('closes'), closeWords, (code) => BAD_CLOSES.has(code)), new Tally($('refusals'), refusalWords, () => true)];

  constructor() {
    paintLegend();
  }

  show({ shards = [], late_bounds_us = [], at_ms = Date.now(), closes, refusals }) {
    this.#bounds = late_bounds_us;
    mark($('shards'), 'data-many', shards.length > MANY ? '' : null);
    this.#lanes.show(shards.map((shard, index) => ({ index, shard, at: at_ms, bounds: this.#bounds })));
    this.#tallies[0].add(closes, at_ms);
    this.#tallies[1].add(refusals, at_ms);
  }
}

function paintLegend() {
  const late = $('ramp-late').getContext('2d');
  const many = $('ramp-many').getContext('2d');
  for (let i = 0; i < 10; i++) {
    late.fillStyle = RAMP[i];
    late.fillRect(i, 0, 1, 1);
    many.fillStyle = GROUND;
    many.fillRect(i, 0, 1, 1);
    many.globalAlpha = strength((i + 0.5) / 10);
    many.fillStyle = RAMP[2];
    many.fillRect(i, 0, 1, 1);
    many.globalAlpha = 1;
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

  show({ index, shard, at, bounds }) {
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
    mark(this.#canvas, 'aria-label', `Lateness of the ticks of shard ${index}. ${told}`);
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
