// The lobby: the choice of game and name, and the ways into a room: as a player, or to watch.

import { server } from './place.js';
import { recall, remember } from './store.js';
import { playingElsewhere } from './tabs.js';
import { Refused, createRoom, findRoom, match, rooms } from './tickwire.js';
import { trouble } from './words.js';

const CODE_LEN = 6;
const ROOMS_SHOWN = 3;
const ROOMS_MS = 5000;
// Presses within this time are one wish, the last one: nothing is asked of the server for the others.
const WISH_MS = 60;
const MOODS = ['Quiet', 'Lucky', 'Swift', 'Amber', 'Bold', 'Mellow', 'Sunny', 'Nimble', 'Brisk', 'Gentle'];
const ANIMALS = ['Heron', 'Otter', 'Lynx', 'Finch', 'Marten', 'Puffin', 'Badger', 'Gecko', 'Ibis', 'Hare'];

const $ = (id) => document.getElementById(id);
const any = (list) => list[Math.floor(Math.random() * list.length)];

/** The code in a text that was typed or pasted: a code with spaces or dashes, a whole link, or our own invitation. */
export function tidyCode(text) {
  const invited = /code is ([A-Za-z0-9]{6})\b/.exec(text)?.[1];
  const wanted = text.includes('#') ? text.slice(text.lastIndexOf('#') + 1) : invited ?? text;
  return wanted.toUpperCase().replace(/[^A-Z0-9]/g, '').slice(0, CODE_LEN);
}

export class Lobby {
  #games = [];
  #rooms = [];
  #rows = [];
  #asked = 0;
  #wish = null;
  #enter;
  #onGame;

  /** `enter({game, code, via, watch})` opens a room; `onGame(game)` is called on every choice. */
  constructor(enter, onGame) {
    this.#enter = enter;
    this.#onGame = onGame;
    $('name').value = recall('name') || `${any(MOODS)} ${any(ANIMALS)}`;
    $('name').onchange = () => remember('name', this.name);
    $('rename').onclick = () => {
      $('name').value = `${any(MOODS)} ${any(ANIMALS)}`;
      remember('name', this.name);
    };
    $('code').oninput = ({ target }) => {
      const tidy = tidyCode(target.value);
      if (tidy !== target.value) target.value = tidy;
      this.say('');
    };
    $('quick').onclick = () => this.match();
    $('create').onclick = () => this.create();
    $('join').onsubmit = (event) => {
      event.preventDefault();
      this.join(tidyCode($('code').value));
    };
    $('watch').onclick = () => this.join(tidyCode($('code').value), true);
    setInterval(() => this.look(), ROOMS_MS);
    document.addEventListener('visibilitychange', () => this.look());
  }

  get name() {
    return $('name').value.trim() || 'Player';
  }

  get game() {
    return document.querySelector('#games input:checked')?.value;
  }

  say(words) {
    $('trouble').textContent = words;
  }

  /** Shows the games; `wanted` is chosen if it is one of them. */
  list(games, wanted) {
    this.#games = games;
    $('games').append(...games.map(({ name, title, seats }) => {
      const choice = document.createElement('label');
      choice.className = 'choice';
      choice.dataset.game = name;
      const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'game', value: name });
      radio.onchange = () => this.#chosen();
      const label = document.createElement('b');
      label.textContent = title;
      const facts = document.createElement('span');
      facts.textContent = seats > 2 ? `up to ${seats}` : `${seats} players`;
      choice.append(radio, label, facts);
      return choice;
    }));
    this.choose(games.some(({ name }) => name === wanted) ? wanted : games[0]?.name);
  }

  choose(game) {
    const radio = document.querySelector(`#games input[value="${CSS.escape(game ?? '')}"]`);
    if (radio) radio.checked = true;
    this.#chosen();
  }

  about(game) {
    return this.#games.find(({ name }) => name === game);
  }

  /** How to play, with touch or with keys. */
  hint(game) {
    const { hint, touch_hint } = this.about(game) ?? { hint: '', touch_hint: '' };
    return 'touch' in document.body.dataset ? touch_hint : hint;
  }

  match() {
    return this.#go($('quick'), '', async (signal, avoid) => ({ ...await match(server, this.game, { avoid, signal }), via: 'match' }));
  }

  create() {
    return this.#go($('create'), '', async (signal) => ({ ...await createRoom(server, this.game, { signal }), via: 'create' }));
  }

  /** Joins a room; with `watch` as a spectator. */
  async join(code, watch = false) {
    $('code').value = code;
    if (code.length !== CODE_LEN) {
      this.say('A code has six characters, like K7M2QX.');
      $('code').focus();
      return false;
    }
    const button = watch ? $('watch') : $('join').querySelector('[type=submit]');
    return this.#go(button, code, async (signal) => ({ ...await findRoom(server, code, { signal }), code, via: 'code', watch }));
  }

  /** Requests the public rooms, while the list is visible. */
  async look() {
    if (document.hidden || document.body.dataset.screen !== 'lobby') return;
    const asked = ++this.#asked;
    let listed;
    try {
      listed = await rooms(server);
    } catch (error) {
      // Without an answer the list stays as it is: the lobby works without it.
      if (!(error instanceof Refused)) throw error;
      return;
    }
    // The answer to a later request is newer, even if it arrived first.
    if (asked !== this.#asked) return;
    this.#rooms = listed;
    this.#listRooms();
  }

  /**
   * A row stays in its place while its room is listed, so that no other room moves under a mouse when its players
   * become more. The place of a closed room goes to the best room not shown. If there is none, the row stays, so that
   * no gap closes.
   */
  #listRooms(afresh = false) {
    const game = this.game;
    const open = this.#rooms.filter((room) => room.players > 0 && this.about(room.game));
    open.sort((a, b) => (b.game === game) - (a.game === game) || b.players - a.players);
    if (afresh || open.length === 0) {
      $('rooms').querySelector('ul').replaceChildren();
      this.#rows = [];
    }
    const listed = new Map(open.map((room) => [room.code, room]));
    const waiting = open.filter(({ code }) => !this.#rows.some((row) => row.code === code));
    for (let place = 0; place < ROOMS_SHOWN; place++) {
      const row = this.#rows[place];
      const room = listed.get(row?.code) ?? waiting.shift();
      if (room) {
        this.#showRoom(room, place);
      } else if (row) {
        row.count.textContent = 'over';
        row.line.inert = true;
      }
    }
    $('rooms').hidden = open.length === 0;
  }

  #showRoom(room, place) {
    const old = this.#rows[place];
    const row = old?.code === room.code ? old : this.#rows[place] = this.#row(room);
    if (!old) $('rooms').querySelector('ul').append(row.line);
    else if (row !== old) old.line.replaceWith(row.line);
    const words = room.players < room.seats ? `${room.players} playing` : 'full';
    if (row.count.textContent !== words) row.count.textContent = words;
    row.join.hidden = room.players >= room.seats;
    row.line.inert = false;
  }

  #row({ game, code }) {
    const { title } = this.about(game);
    const line = $('rooms').querySelector('template').content.cloneNode(true).firstElementChild;
    const [name, count, watch, join] = line.children;
    name.textContent = title;
    line.dataset.code = code;
    for (const [button, way] of [[watch, true], [join, false]]) {
      button.setAttribute('aria-label', `${button.textContent} ${title}, room ${code}`);
      button.onclick = () => {
        remember('name', this.name);
        this.#enter({ game, code, via: 'code', watch: way });
      };
    }
    return { code, line, count, join };
  }

  #chosen() {
    const game = this.about(this.game);
    if (!game) return;
    $('hint').textContent = this.hint(game.name);
    this.#onGame(game);
    this.#listRooms(true);
  }

  /** The last wish wins: an earlier one is given up, and if it is recent enough the server never hears of it. */
  async #go(button, code, find) {
    if (button.disabled) return false;
    remember('name', this.name);
    this.say('');
    this.#wish?.abort();
    const wish = this.#wish = new AbortController();
    button.disabled = true;
    try {
      // A match against oneself in another tab is no match.
      const avoid = await playingElsewhere(WISH_MS);
      if (wish.signal.aborted) return false;
      const found = await find(wish.signal, avoid);
      if (wish.signal.aborted) return false;
      this.#enter(found);
      $('code').value = '';
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!wish.signal.aborted) this.say(trouble(error.status, code, error.message));
      return false;
    } finally {
      button.disabled = false;
    }
  }
}
