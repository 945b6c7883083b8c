// Rooms: the table of all of them, sorted, filtered, the worst first; and the panel of one, with why it needs a look, its
// live picture, its seats and their connections, autopsies and log.

import { $, Rows, el, mark, say } from './dom.js';
import { Painter } from './painter.js';
import { addressWords, advice, budget, bytesPerSecond, clock, count, isKnown, level, micros, plural, predicate, rank, span, stateWord } from './words.js';

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
  #order = new Map();
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
    const link = el('a', { href: `#${code}` }, code);
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

/** Round trips that a seat's small plot shows: at two a second, half a minute. */
const TRACE = 60;
/** Snapshots without an acknowledgement from which on a seat is behind. */
const BEHIND = 30;

/** `wide`: left out on a phone, where the line under the name has it. */
const SEAT_COLUMNS = [
  { name: 'Seat', number: true, show: ({ seat }) => seat },
  { name: 'Player' },
  { name: 'Round trip', number: true, live: true, show: ({ rtt_ms, jitter_ms }) => (isKnown(rtt_ms) ? `${count(rtt_ms)} ± ${count(jitter_ms)} ms` : '–') },
  { name: 'Lead', number: true, wide: true, live: true, title: 'Ticks by which inputs come before they are needed', show: ({ lead_ticks }) => count(lead_ticks) },
  { name: 'Corrections', number: true, wide: true, live: true, show: ({ corrections }) => count(corrections) },
  { name: 'Late', number: true, wide: true, live: true, title: 'Inputs that came too late', show: ({ late }) => count(late) },
  { name: 'Starved', number: true, wide: true, live: true, title: 'Ticks without an input', show: ({ starved }) => count(starved) },
  { name: 'Unacked', number: true, wide: true, live: true, title: 'Snapshots without an acknowledgement', show: ({ unacked }) => count(unacked) },
  { name: 'Actions', number: true },
];

export class RoomPanel {
  code = null;
  #feed;
  #actions;
  #room = null;
  #isTold = false;
  #painter = null;
  #scene = null;
  #paused = matchMedia('(prefers-reduced-motion: reduce)').matches;
  #traces = new Map();
  #seats;
  #facts = new Rows($('room-facts'), ([name]) => name, makeFact, (row, [, value]) => say(row.value, value));
  #autopsies = new Rows($('autopsies'), ({ at_ms, tick, field }) => `${at_ms} ${tick} ${field}`, makeAutopsy, (row, { file }) => say(row.file, file ?? ''));
  #log = new Rows($('log'), ({ id }) => id, makeLogLine, () => {});

  constructor(feed, actions) {
    this.#feed = feed;
    this.#actions = actions;
    this.#seats = new Rows($('seats').tBodies[0], ({ seat }) => seat, (seat) => this.#makeSeat(seat), (row, seat) => this.#fillSeat(row, seat));
    $('seats').tHead.rows[0].append(...SEAT_COLUMNS.map(({ name, number, wide, title }) => el('th', { scope: 'col', title, class: classes(number && 'number', wide && 'wide') }, name)));
    actions.guard($('room-lock'), 'lock', () => ({ code: this.code, locked: !this.#room?.locked }));
    actions.guard($('room-end'), 'close', () => ({ code: this.code, players: this.#room?.players ?? 0 }));
    $('scene-pause').onclick = () => this.#pause(!this.#paused);
    addEventListener('resize', () => this.#paint());
    document.addEventListener('visibilitychange', () => this.#hearScene());
  }

  /** Shows the room with this code; `row` is what the list of rooms knows of it, if it is in it. */
  open(code, row) {
    this.close();
    this.code = code;
    $('room').hidden = false;
    this.#clear();
    say($('room-code'), `Room ${code}`);
    say($('room-state'), '');
    say($('room-why'), 'Asking for its figures…');
    this.expect(row);
    this.#painter ??= new Painter($('stage'));
    this.#painter.clear();
    this.#feed.hear(this.#topic, (body) => this.#take(body), (why) => this.#over(why));
    this.#pause(this.#paused);
    $('room').scrollTop = 0;
    $('room-code').focus({ preventScroll: true });
  }

  /** Shows what the list of rooms knows until the room tells its own figures; one without people tells none. */
  expect(row) {
    if (!row || this.#isTold) return;
    this.#show(row, row.spectators);
    say($('room-why'), advice(row));
  }

  close() {
    if (!this.code) return;
    this.#feed.leave(this.#topic);
    this.#feed.leave(`${this.#topic}/scene`);
    this.code = null;
    $('room').hidden = true;
  }

  get #topic() {
    return `admin/room/${this.code}`;
  }

  #clear() {
    this.#room = this.#scene = null;
    this.#isTold = false;
    this.#traces.clear();
    mark($('room'), 'data-over', null);
    say($('seats-free'), '');
    for (const list of [this.#seats, this.#facts, this.#autopsies, this.#log]) list.show([]);
    $('autopsies-none').hidden = $('log-none').hidden = true;
    $('room-lock').hidden = $('room-end').hidden = true;
  }

  #over(why) {
    if (why === 'too_many') return say($('room-why'), 'Operators look at as many rooms as they may at the same time. Its seats come when one of those panels is closed and this one is opened again.');
    say($('room-code'), `Room ${this.code} ${this.#room ? 'has closed' : 'is not there'}`);
    mark($('room'), 'data-level', null);
    mark($('room'), 'data-over', '');
    this.#isTold = true;
    say($('room-why'), this.#room || why === 'ended' ? 'The room is over. What stands below are its last figures.' : 'There is no room with this code. It may have closed meanwhile.');
    $('room-lock').hidden = $('room-end').hidden = true;
    say($('scene-words'), '');
    this.#feed.leave(`${this.#topic}/scene`);
  }

  #show(room, spectators) {
    this.#room = room;
    mark($('room'), 'data-level', level(room.state));
    say($('room-code'), `Room ${room.code} ${predicate(room.state)}`);
    say($('room-state'), room.game);
    $('room-lock').hidden = $('room-end').hidden = false;
    say($('room-lock'), room.locked ? 'Unlock…' : 'Lock…');
    this.#facts.show([
      ['Players', `${count(room.players)} of ${count(room.seats)}`], ['Bots', count(room.bots)], ['Watching', count(spectators)],
      ['Tick', `${count(room.tick)} at ${count(room.rate_hz)} Hz`], ['Age', span(room.age_s)],
      ['Shard', `${room.shard}${room.is_slow_lane ? ', slow lane' : ''}`],
      ['Entry', [room.private ? 'private' : 'open', room.locked && 'locked'].filter(Boolean).join(', ')],
    ]);
    this.#actions.refresh();
  }

  #take({ room, seats = [], spectators = 0, autopsies = [], log = [] }) {
    this.#isTold = true;
    this.#show(room, spectators);
    // A game may have many seats: those of nobody are counted.
    const taken = seats.filter(({ kind }) => kind !== 'free');
    this.#seats.show(taken);
    say($('seats-free'), plural(seats.length - taken.length, 'free seat'));
    const sorted = autopsies.toSorted((a, b) => b.at_ms - a.at_ms);
    say($('room-why'), sorted.length && room.state === 'desync' ? `${advice(room)} The newest: ${whose(sorted[0])}, ${sorted[0].field}.` : advice(room));
    this.#autopsies.show(sorted);
    $('autopsies-none').hidden = autopsies.length > 0;
    // Lines may be equal, even in their time.
    const seen = new Map();
    const lines = log.map((line) => {
      const key = `${line.at_ms} ${line.text}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      return { ...line, id: `${key} ${seen.get(key)}` };
    });
    this.#log.show(lines.sort((a, b) => b.at_ms - a.at_ms));
    $('log-none').hidden = log.length > 0;
  }

  #makeSeat({ seat }) {
    const cells = SEAT_COLUMNS.map(({ number, wide }) => el('td', { class: classes(number && 'number', wide && 'wide') }));
    const name = el('b');
    const kind = el('small');
    const more = el('small', { class: 'narrow' });
    const canvas = el('canvas', { class: 'trace', width: TRACE, height: 16, 'aria-hidden': 'true' });
    cells[1] = el('th', { scope: 'row' }, name, ' ', kind, more);
    const trip = el('span');
    cells[2].append(canvas, trip);
    const about = { code: this.code, seat, name: '' };
    const row = { name, kind, more, canvas, trip, cells, about, node: el('tr', {}, ...cells) };
    row.buttons = ['kick', 'ban'].map((action) => {
      const button = el('button', { type: 'button', id: `${action}-${seat}` }, action === 'kick' ? 'Kick…' : 'Ban…');
      // The name is that of the moment in which the button is pressed.
      this.#actions.guard(button, action, () => {
        const { name: asked } = about;
        return { ...about, isStill: () => about.name === asked };
      });
      return button;
    });
    cells.at(-1).append(...row.buttons);
    return row;
  }

  #fillSeat(row, seat) {
    const isPerson = seat.kind === 'person' || seat.kind === 'away';
    row.about.name = seat.name || `seat ${seat.seat}`;
    mark(row.node, 'data-kind', seat.kind);
    mark(row.node, 'data-level', seat.unacked >= BEHIND ? 'care' : null);
    say(row.name, seat.name || seat.kind);
    say(row.kind, [seat.owner && 'owner', seat.kind !== 'person' && seat.kind, isPerson && addressWords(seat.address)].filter(Boolean).join(', '));
    say(row.more, isPerson ? `lead ${count(seat.lead_ticks)}, corrections ${count(seat.corrections)}, late ${count(seat.late)}, starved ${count(seat.starved)}, unacked ${count(seat.unacked)}` : '');
    SEAT_COLUMNS.forEach(({ show, live }, at) => {
      if (show) say(at === 2 ? row.trip : row.cells[at], live && !isPerson ? '' : show(seat));
    });
    for (const button of row.buttons) {
      button.hidden = !isPerson;
      mark(button, 'aria-label', `${button.textContent.replace('…', '')} ${row.about.name}, seat ${seat.seat}`);
    }
    this.#trace(row, seat, isPerson);
  }

  /** The round trips of the last half minute. */
  #trace({ canvas }, { seat, rtt_ms }, isPerson) {
    const values = this.#traces.get(seat) ?? [];
    this.#traces.set(seat, values);
    if (!isPerson || !isKnown(rtt_ms)) values.length = 0;
    else values.push(rtt_ms);
    values.splice(0, values.length - TRACE);
    canvas.hidden = values.length === 0;
    const ctx = canvas.getContext('2d');
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    const top = Math.max(...values, 50);
    ctx.fillStyle = '#6fd3c7';
    values.forEach((value, at) => {
      const height = Math.max((value / top) * canvas.height, 1);
      ctx.fillRect(canvas.width - values.length + at, canvas.height - height, 1, height);
    });
  }

  #pause(paused) {
    this.#paused = paused;
    mark($('scene-pause'), 'aria-pressed', paused);
    say($('scene-pause'), paused ? 'Show the picture live' : 'Pause the picture');
    this.#hearScene();
  }

  /** The picture is sent only while it can be seen; a paused one is sent once. */
  #hearScene() {
    if (!this.code || $('room').hasAttribute('data-over')) return;
    const topic = `${this.#topic}/scene`;
    this.#feed.leave(topic);
    if (document.hidden) return;
    this.#feed.hear(topic, (scene) => {
      this.#scene = scene;
      this.#paint();
      if (this.#paused) this.#feed.leave(topic);
    }, () => say($('scene-words'), 'The picture cannot be had: operators look at as many pictures as they may.'));
  }

  #paint() {
    if (!this.code || !this.#scene) return;
    const { commands, texts, too_large: isLarge } = this.#scene;
    $('stage').hidden = $('scene-pause').hidden = !commands;
    if (!commands) return say($('scene-words'), isLarge ? 'This world is too large to be drawn here.' : 'This game draws no picture of its world.');
    say($('scene-words'), '');
    const painter = this.#painter;
    painter.fit();
    painter.clear();
    painter.paint({ numbers: commands, texts: texts ?? [] }, { x: 0, y: 0, w: painter.width, h: painter.height });
    mark($('stage'), 'aria-label', `The world of ${this.code}, drawn live: ${plural(this.#room?.players ?? 0, 'player')}`);
  }
}

function makeFact([name]) {
  const value = el('dd');
  return { node: el('div', {}, el('dt', {}, name), value), value };
}

/** An autopsy may be of a client without a seat. */
const whose = ({ seat }) => (isKnown(seat) ? `seat ${seat}` : 'a spectator');

function makeAutopsy(autopsy) {
  const { at_ms, tick, field, server, client } = autopsy;
  const file = el('small');
  const head = el('p', {}, el('time', {}, clock(at_ms)), ` tick ${count(tick)}, ${whose(autopsy)}: `, el('code', {}, String(field)));
  const values = el('p', {}, 'server ', el('b', {}, String(server)), ', client ', el('b', {}, String(client)));
  return { node: el('li', {}, head, values, file), file };
}

function makeLogLine({ at_ms, level: how, text }) {
  const isBad = how === 'error';
  return { node: el('li', { 'data-level': isBad ? 'bad' : how === 'warn' ? 'care' : undefined }, el('time', {}, clock(at_ms)), ' ', el('b', {}, String(how)), ` ${text}`) };
}
