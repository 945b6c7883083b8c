// The lobby: the choice of game and name, and the ways into a room: as a player, or to watch.

import { Live } from './live.js';
import { server } from './place.js';
import { Queue } from './queue.js';
import { recall, recallInTab, remember } from './store.js';
import { playingElsewhere } from './tabs.js';
import { Refused, createRoom, findRoom, match, rooms } from './tickwire.js';
import { trouble } from './words.js';

const CODE_LEN = 6;
const ROOMS_SHOWN = 3;
const ROOMS_MORE = 8;
// Rooms on a page of the server's list.
const PAGE_ROOMS = 100;
// Without a connection that tells of changes, the list is asked for at this interval; the connection has a moment first.
const ROOMS_MS = 5000;
const LIVE_MS = 1500;
// A name is used once it has rested for so long.
const NAME_MS = 600;
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

/** The invitation in the link to a private room, with the dot before it. */
export const secretIn = (text) => /#\w{6}(\.[\w-]{22})$/.exec(text)?.[1];

export class Lobby {
  #games = [];
  #rooms = [];
  /** Rooms of further pages, which no other list has. */
  #further = [];
  #page = 0;
  #places = ROOMS_SHOWN;
  #rows = [];
  #asked = 0;
  #wish = null;
  #enter;
  #onGame;
  #chat;
  #live = new Live(() => this.#news());
  #queue;
  #renamed;
  /** The invitation in a link that was pasted. */
  #invitation;

  /** `enter({game, code, via, watch})` opens a room; `onGame(game)` is called on every choice; `chat` is for the lobby too. */
  constructor(enter, onGame, chat) {
    this.#enter = enter;
    this.#onGame = onGame;
    this.#chat = chat;
    this.#queue = new Queue(() => this.game, (found) => this.#enter(found), (words) => this.say(words));
    $('name').value = recall('name') || `${any(MOODS)} ${any(ANIMALS)}`;
    $('name').onchange = () => this.#rename();
    $('rename').onclick = () => {
      $('name').value = `${any(MOODS)} ${any(ANIMALS)}`;
      this.#rename();
    };
    for (const filter of ['only-game', 'only-free']) $(filter).onchange = () => this.#filter();
    $('more').onclick = () => this.#more();
    $('access').onchange = () => { $('password').hidden = $('access').value !== 'password'; };
    $('password').onkeydown = ({ key }) => { if (key === 'Enter') this.create(); };
    $('code').oninput = ({ target }) => {
      this.#invitation = secretIn(target.value);
      this.#askSecret(false);
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
    setInterval(() => this.#ask(), ROOMS_MS);
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
    const access = $('access').value;
    const password = $('password').value;
    if (access === 'password' && !password) {
      this.say('Choose a password first.');
      return $('password').focus();
    }
    return this.#go($('create'), '', async (signal) => {
      const wish = access === 'password' ? { password } : access && { [access]: true };
      const room = await createRoom(server, this.game, { ...wish, signal });
      return { ...room, via: 'create', secret: room.invite ? `.${room.invite}` : wish.password ? `=${password}` : '' };
    });
  }

  /** Joins a room; with `watch` as a spectator. */
  async join(code, watch = false, secret = this.#invitation) {
    $('code').value = code;
    const typed = $('secret').value;
    const wanted = typed ? `=${typed}` : secret ?? recallInTab(`secret.${code}`) ?? '';
    if (code.length !== CODE_LEN) {
      this.say('A code has six characters, like K7M2QX.');
      $('code').focus();
      return false;
    }
    const button = watch ? $('watch') : $('join').querySelector('[type=submit]');
    return this.#go(button, code, async (signal) => ({ ...await findRoom(server, code, { signal, secret: wanted.slice(1) }), code, via: 'code', watch, secret: wanted }));
  }

  /** Asks for the password of a room, or does not. */
  #askSecret(asks) {
    $('locked').hidden = !asks;
    if (asks) $('secret').focus();
    else $('secret').value = '';
  }

  /** The lobby is shown: it hears of the public rooms, and of what people say. */
  look() {
    if (document.hidden || document.body.dataset.screen !== 'lobby') return;
    const topics = this.#live.start(this.name, this.#games);
    this.#talk(topics);
    this.#queue.attach(topics);
    setTimeout(() => this.#ask(), LIVE_MS);
  }

  /** A room is shown. */
  away() {
    this.#chat.detach();
    this.#live.stop();
  }

  #talk(topics) {
    const game = this.about(this.game);
    if (topics && game) this.#chat.attach(topics, `lobby/${game.name}/chat`, game.title);
  }

  #rename() {
    remember('name', this.name);
    clearTimeout(this.#renamed);
    this.#renamed = setTimeout(() => this.look(), NAME_MS);
  }

  #news() {
    const rooms = this.#live.rooms();
    if (!rooms) return;
    this.#rooms = rooms;
    this.#listRooms();
  }

  /** Requests the public rooms where nothing tells of them, while the list is visible. */
  async #ask() {
    if (document.hidden || document.body.dataset.screen !== 'lobby' || this.#live.rooms()) return;
    const asked = ++this.#asked;
    const listed = await this.#listed();
    // The answer to a later request is newer, even if it arrived first. Without an answer the list stays as it is.
    if (!listed || asked !== this.#asked || this.#live.rooms()) return;
    this.#rooms = listed;
    this.#page ||= 1;
    this.#listRooms();
  }

  /** Whether the server may have rooms that no list here has. */
  get #partial() {
    return this.#page !== null && (this.#live.rooms() ? this.#live.partial : this.#rooms.length >= PAGE_ROOMS);
  }

  async #listed(wanted) {
    try {
      return await rooms(server, wanted);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return null;
    }
  }

  #filter() {
    this.#further = [];
    this.#page = 0;
    this.#places = ROOMS_SHOWN;
    this.#listRooms(true);
  }

  /** Shows more rooms: those that are known, then those of a further page of the server's list. */
  async #more() {
    this.#places += ROOMS_MORE;
    this.#listRooms();
    if (this.#suitable().length >= this.#places || !this.#partial) return;
    const page = ++this.#page;
    const listed = await this.#listed({ game: $('only-game').checked ? this.game : '', free: $('only-free').checked, page });
    if (page !== this.#page) return;
    if (listed?.length) this.#further.push(...listed);
    else this.#page = null;
    this.#listRooms();
  }

  /** The rooms with people that the filters let through, those of the chosen game first. */
  #suitable() {
    const game = this.game;
    const known = new Set(this.#rooms.map(({ code }) => code));
    const all = [...this.#rooms, ...this.#further.filter(({ code }) => !known.has(code))].filter((room) => room.players > 0 && this.about(room.game));
    $('rooms').hidden = all.length === 0;
    const [onlyGame, onlyFree] = [$('only-game').checked, $('only-free').checked];
    const suitable = all.filter((room) => (!onlyGame || room.game === game) && (!onlyFree || room.players < room.seats));
    return suitable.sort((a, b) => (b.game === game) - (a.game === game) || b.players - a.players);
  }

  /**
   * A row stays in its place while its room is listed, so that no other room moves under a mouse when its players
   * become more. The place of a closed room goes to the best room not shown. If there is none, the row stays, so that
   * no gap closes.
   */
  #listRooms(afresh = false) {
    const open = this.#suitable();
    if (afresh || open.length === 0) {
      $('rooms').querySelector('ul').replaceChildren();
      this.#rows = [];
    }
    const listed = new Map(open.map((room) => [room.code, room]));
    const waiting = open.filter(({ code }) => !this.#rows.some((row) => row.code === code));
    for (let place = 0; place < this.#places; place++) {
      const row = this.#rows[place];
      const room = listed.get(row?.code) ?? waiting.shift();
      if (room) {
        this.#showRoom(room, place);
      } else if (row) {
        row.count.textContent = 'over';
        row.line.inert = true;
      }
    }
    $('no-rooms').hidden = open.length > 0;
    $('more').hidden = waiting.length === 0 && !this.#partial;
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
    $('fair').hidden = !game.queues.length;
    this.#onGame(game);
    this.#talk(this.#live.topics);
    $('only-game').nextElementSibling.textContent = `Only ${game.title}`;
    this.#filter();
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
      this.#askSecret(false);
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (wish.signal.aborted) return false;
      this.say(trouble(error.status, code, error.message));
      if (error.status === 404 && code) this.#askSecret(true);
      return false;
    } finally {
      button.disabled = false;
    }
  }
}
