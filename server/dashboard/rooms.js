// The table of rooms: sorted, filtered, the worst first. Each row is a link to the room's panel.

import { $, Rows, el, mark, say } from './dom.js';
import { budget, bytesPerSecond, count, level, micros, plural, rank, span, stateWord } from './words.js';

/** Codes that may be opened though no row has them. */
const CODE = /^[A-Z0-9]{6}$/;

const part = (room) => (room.turn_us?.p99 ?? 0) / budget(room);
/** Rooms that are about as busy keep their order from second to second. */
const worse = (room) => rank(room.state) * 100 + Math.round(Math.log2(Math.max(part(room), 0.001)) * 0.5);

/** `wide`: left out on a phone. `by`: what a column is sorted by, the greatest first unless it is a text. */
const COLUMNS = [
  { name: 'State', by: worse },
  { name: 'Room', by: ({ code }) => code },
  { name: 'Game', by: ({ game }) => game, wide: true },
  { name: 'Seats', by: ({ players }) => players, number: true },
  { name: 'Tick p99', by: part, number: true },
  { name: 'Late', by: (room) => room.late_inputs_s, number: true, wide: true, title: 'Inputs a second that came too late' },
  { name: 'Starved', by: (room) => room.starved_s, number: true, wide: true, title: 'Ticks of seats a second without an input' },
  { name: 'Sent', by: (room) => room.bytes_out_s, number: true, wide: true },
  { name: 'Desyncs', by: (room) => room.desyncs, number: true, wide: true },
  { name: 'Shard', by: ({ shard }) => shard, number: true, wide: true },
  { name: 'Age', by: (room) => room.age_s, number: true, wide: true },
];

export class Rooms {
  #open;
  #rooms = null;
  #omitted = 0;
  #sort = { column: 0, turned: false };
  #order = [];
  #rows = new Rows($('rooms-table').tBodies[0], ({ code }) => code, (room) => this.#make(room), fill);
  #heads;
  #current = null;

  /** `open(code)` opens a room's panel. */
  constructor(open) {
    this.#open = open;
    this.#heads = COLUMNS.map(({ name, number, wide, title }, column) => {
      const button = el('button', { type: 'button', title, onclick: () => this.#sortBy(column) }, name);
      return el('th', { scope: 'col', class: classes(number && 'number', wide && 'wide') }, button);
    });
    $('rooms-table').tHead.rows[0].append(...this.#heads);
    $('filter').onsubmit = (event) => {
      event.preventDefault();
      const first = $('rooms-table').tBodies[0].querySelector('a') ?? $('rooms-none').querySelector('a');
      first?.click();
    };
    $('filter-text').oninput = $('filter-state').onchange = () => this.#list(true);
    $('rooms-table').tBodies[0].onkeydown = (event) => walk(event);
    this.#showSort();
  }

  /** The rooms of the newest message; null before there is one. */
  get rooms() {
    return this.#rooms;
  }

  take({ rooms = [], omitted = 0 }) {
    this.#rooms = rooms;
    this.#omitted = omitted;
    this.#list();
  }

  /** Shows only rooms in this state. */
  only(state) {
    $('filter-text').value = '';
    $('filter-state').value = state;
    this.#list(true);
  }

  /** Marks the row of the room whose panel is open. */
  current(code) {
    this.#current = code;
    for (const row of $('rooms-table').tBodies[0].rows) mark(row, 'aria-current', row.dataset.code === code ? 'true' : null);
  }

  /** The link to this room, where the focus goes when its panel is closed. */
  link(code) {
    return $('rooms-table').querySelector(`[data-code="${code}"] a`);
  }

  #sortBy(column) {
    this.#sort = { column, turned: this.#sort.column === column && !this.#sort.turned };
    this.#showSort();
    this.#list(true);
  }

  #showSort() {
    const { column, turned } = this.#sort;
    this.#heads.forEach((head, at) => {
      const isText = at === 1 || at === 2;
      mark(head, 'aria-sort', at === column ? (turned === isText ? 'descending' : 'ascending') : null);
    });
  }

  /** `afresh`: a person has asked for another order; otherwise rows do not move under the mouse or the focus. */
  #list(afresh = false) {
    if (!this.#rooms) return;
    const text = $('filter-text').value.trim().toUpperCase();
    const state = $('filter-state').value;
    const suits = (room) => (room.code.includes(text) || room.game.toUpperCase().includes(text))
      && (!state || room.state === state || (state === 'trouble' && room.state !== 'ok'));
    const shown = this.#rooms.filter(suits);
    const { by } = COLUMNS[this.#sort.column];
    shown.sort((a, b) => compare(by(a), by(b)) || compare(a.code, b.code));
    if (this.#sort.turned) shown.reverse();
    const body = $('rooms-table').tBodies[0];
    if (!afresh && body.matches(':hover, :focus-within')) this.#hold(shown);
    this.#order = new Map(shown.map(({ code }, at) => [code, at]));
    this.#rows.show(shown);
    this.current(this.#current);
    this.#count(shown.length, text, state);
  }

  #hold(shown) {
    const place = ({ code }) => this.#order.get(code) ?? Infinity;
    shown.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
  }

  #count(shown, text, state) {
    const all = this.#rooms.length + this.#omitted;
    say($('rooms-count'), shown === all ? plural(all, 'room') : `${count(shown)} of ${plural(all, 'room')}`);
    const none = $('rooms-none');
    none.hidden = shown > 0;
    if (shown) return;
    // A server with very many rooms lists the worst of them: any other is opened by its code.
    if (CODE.test(text)) none.replaceChildren('No such room in the list. ', el('a', { href: `#${text}` }, `Open ${text} all the same`));
    else say(none, text || state ? 'No room is like that now.' : 'No room is open.');
  }

  #make({ code }) {
    const cells = COLUMNS.map(({ number, wide }) => el('td', { class: classes(number && 'number', wide && 'wide') }));
    const state = el('span', { class: 'badge' });
    cells[0].append(state);
    const link = el('a', { href: `#${code}`, 'data-testid': `open-${code}` }, code);
    const game = el('small', { class: 'narrow' });
    const tags = el('small', { class: 'tags wide' });
    const head = el('th', { scope: 'row' }, link, tags, game);
    cells[1] = head;
    const node = el('tr', { 'data-code': code }, ...cells);
    node.onclick = (event) => {
      if (!event.target.closest('a')) this.#open(code);
    };
    const bar = el('i', { class: 'part' });
    const turn = el('span');
    cells[4].append(turn, bar);
    return { node, cells, state, game, tags, turn, bar };
  }
}

function fill(row, room) {
  const { cells } = row;
  mark(row.node, 'data-level', level(room.state));
  say(row.state, stateWord(room.state));
  const tags = [room.is_slow_lane && 'slow lane', room.private && 'private', room.locked && 'locked'].filter(Boolean);
  say(row.tags, tags.join(', '));
  say(row.game, [room.game, ...tags].join(', '));
  say(cells[2], room.game);
  say(cells[3], `${count(room.players)}${room.bots ? ` + ${plural(room.bots, 'bot')}` : ''} / ${count(room.seats)}`);
  say(row.turn, micros(room.turn_us?.p99));
  row.bar.style.width = `${Math.min(part(room) * 100, 100)}%`;
  say(cells[5], count(room.late_inputs_s));
  say(cells[6], count(room.starved_s));
  say(cells[7], bytesPerSecond(room.bytes_out_s));
  say(cells[8], count(room.desyncs));
  say(cells[9], room.shard);
  say(cells[10], span(room.age_s));
}

const classes = (...names) => names.filter(Boolean).join(' ') || undefined;

/** The greatest number first, and texts by the alphabet. */
function compare(a, b) {
  if (typeof a === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return (b ?? 0) - (a ?? 0);
}

/** The arrow keys go from row to row. */
function walk(event) {
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
  const next = step && event.target.closest('tr')?.[step];
  if (!next) return;
  event.preventDefault();
  next.querySelector('a').focus();
}
