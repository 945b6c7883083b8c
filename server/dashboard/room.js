// The panel of one room: why it needs a look, its live picture, its seats with their connections, autopsies and log.

import { $, Rows, el, mark, say } from './dom.js';
import { Painter } from './painter.js';
import { addressWords, advice, clock, count, level, plural, predicate, span } from './words.js';

/** Round trips that a seat's small plot shows: at two a second, half a minute. */
const TRACE = 60;
/** Snapshots without an acknowledgement from which on a seat is behind. */
const BEHIND = 30;

/** `wide`: left out on a phone, where the line under the name has it. */
const COLUMNS = [
  { name: 'Seat', number: true, show: ({ seat }) => seat },
  { name: 'Player' },
  { name: 'Round trip', number: true, live: true, show: ({ rtt_ms, jitter_ms }) => `${count(rtt_ms)} ± ${count(jitter_ms)} ms` },
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
  #painter = null;
  #scene = null;
  #paused = matchMedia('(prefers-reduced-motion: reduce)').matches;
  #traces = new Map();
  #seats;
  #facts = new Rows($('room-facts'), ([name]) => name, makeFact, (row, [, value]) => say(row.value, value));
  #autopsies = new Rows($('autopsies'), ({ at_ms, tick, field }) => `${at_ms} ${tick} ${field}`, makeAutopsy, () => {});
  #log = new Rows($('log'), ({ id }) => id, makeLogLine, () => {});

  constructor(feed, actions) {
    this.#feed = feed;
    this.#actions = actions;
    this.#seats = new Rows($('seats').tBodies[0], ({ seat }) => seat, (seat) => this.#makeSeat(seat), (row, seat) => this.#fillSeat(row, seat));
    $('seats').tHead.rows[0].append(...COLUMNS.map(({ name, number, wide, title }) => el('th', { scope: 'col', title, class: [number && 'number', wide && 'wide'].filter(Boolean).join(' ') }, name)));
    actions.guard($('room-lock'), 'lock', () => ({ code: this.code, locked: !this.#room?.locked }));
    actions.guard($('room-end'), 'close', () => ({ code: this.code, players: this.#room?.players ?? 0 }));
    $('scene-pause').onclick = () => this.#pause(!this.#paused);
    addEventListener('resize', () => this.#paint());
    document.addEventListener('visibilitychange', () => this.#hearScene());
  }

  /** Shows the room with this code. */
  open(code) {
    this.close();
    this.code = code;
    $('room').hidden = false;
    this.#clear();
    say($('room-code'), `Room ${code}`);
    say($('room-state'), '');
    say($('room-why'), 'Asking for its figures…');
    this.#painter ??= new Painter($('stage'));
    this.#painter.clear();
    this.#feed.hear(this.#topic, (body) => this.#take(body), (why) => this.#over(why));
    this.#pause(this.#paused);
    $('room').scrollTop = 0;
    $('room-code').focus({ preventScroll: true });
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
    this.#traces.clear();
    mark($('room'), 'data-over', null);
    for (const list of [this.#seats, this.#facts, this.#autopsies, this.#log]) list.show([]);
    $('autopsies-none').hidden = $('log-none').hidden = true;
    $('room-lock').hidden = $('room-end').hidden = true;
  }

  #over(why) {
    say($('room-code'), `Room ${this.code} ${this.#room ? 'has closed' : 'is not there'}`);
    mark($('room'), 'data-level', null);
    mark($('room'), 'data-over', '');
    say($('room-why'), this.#room || why === 'ended' ? 'The room is over. What stands below are its last figures.' : 'There is no room with this code. It may have closed meanwhile.');
    $('room-lock').hidden = $('room-end').hidden = true;
    say($('scene-words'), '');
    this.#feed.leave(`${this.#topic}/scene`);
  }

  #take({ room, seats = [], spectators = 0, autopsies = [], log = [] }) {
    this.#room = room;
    mark($('room'), 'data-level', level(room.state));
    say($('room-code'), `Room ${room.code} ${predicate(room.state)}`);
    say($('room-state'), room.game);
    say($('room-why'), advice(room));
    $('room-lock').hidden = $('room-end').hidden = false;
    say($('room-lock'), room.locked ? 'Unlock…' : 'Lock…');
    this.#facts.show([
      ['Players', `${count(room.players)} of ${count(room.seats)}`], ['Bots', count(room.bots)], ['Watching', count(spectators)],
      ['Tick', `${count(room.tick)} at ${count(room.rate_hz)} Hz`], ['Age', span(room.age_s)],
      ['Shard', `${room.shard}${room.is_slow_lane ? ', slow lane' : ''}`],
      ['Entry', [room.private ? 'private' : 'open', room.locked && 'locked'].filter(Boolean).join(', ')],
    ]);
    this.#seats.show(seats);
    this.#actions.refresh();
    this.#autopsies.show(autopsies.toSorted((a, b) => b.at_ms - a.at_ms));
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
    const cells = COLUMNS.map(({ number, wide }) => el('td', { class: [number && 'number', wide && 'wide'].filter(Boolean).join(' ') }));
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
      const button = el('button', { type: 'button', 'data-testid': `${action}-${seat}` }, action === 'kick' ? 'Kick…' : 'Ban…');
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
    say(row.name, seat.name || (seat.kind === 'free' ? 'free' : seat.kind));
    say(row.kind, [seat.owner && 'owner', seat.kind !== 'free' && seat.kind !== 'person' && seat.kind, isPerson && addressWords(seat.address)].filter(Boolean).join(', '));
    say(row.more, isPerson ? `lead ${count(seat.lead_ticks)}, corrections ${count(seat.corrections)}, late ${count(seat.late)}, starved ${count(seat.starved)}, unacked ${count(seat.unacked)}` : '');
    COLUMNS.forEach(({ show, live }, at) => {
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
    if (!isPerson) values.length = 0;
    else values.push(rtt_ms ?? 0);
    values.splice(0, values.length - TRACE);
    canvas.hidden = !isPerson;
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
    });
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

function makeAutopsy({ at_ms, tick, seat, field, server, client, file }) {
  const values = el('p', {}, 'server ', el('b', {}, String(server)), ', client ', el('b', {}, String(client)));
  return { node: el('li', {}, el('p', {}, el('time', {}, clock(at_ms)), ` tick ${count(tick)}, seat ${seat}: `, el('code', {}, String(field))), values, el('small', {}, file ?? '')) };
}

function makeLogLine({ at_ms, level: how, text }) {
  const isBad = how === 'error';
  return { node: el('li', { 'data-level': isBad ? 'bad' : how === 'warn' ? 'care' : undefined }, el('time', {}, clock(at_ms)), ' ', el('b', {}, String(how)), ` ${text}`) };
}
