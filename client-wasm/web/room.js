// The parts over the game: code and ways to share it, players, ping, banner, notices, the invitation while alone.

import { title } from './place.js';
import { copy } from './store.js';

const PLAYERS_NARROW = 4;
const PLAYERS_WIDE = 10;
const QUIET_ZONE = 4;
const TOASTS_MAX = 3;
const LOOKING_MS = 4000;
// Bounds of the time for which the controls are shown once connected: long enough to be read.
const HOWTO_MS_MIN = 5000;
const HOWTO_MS_MAX = 15000;

const $ = (id) => document.getElementById(id);
const wide = matchMedia('(min-width: 880px)');

function element(kind, className, text) {
  return Object.assign(document.createElement(kind), { className, textContent: text });
}

export class Room {
  #qr = null;
  #code = '';
  #shown = null;
  #alone = false;
  #dismissed = false;
  /** What the list of players shows, by seat. */
  #rows = new Map();
  #more = element('li', 'more', '');
  #looking = false;
  #since = 0;
  #connected = null;
  #played = false;
  #howTo = false;
  #chat;
  #invitation = '';
  #session = null;

  /** The chat knows the people of the room, and their states. */
  constructor(chat) {
    this.#chat = chat;
    // The code alone leads nobody into a room that is for those with the link.
    $('copy').onclick = () => (this.#invitation ? this.#copyLink() : copy(this.#code).then(() => this.toast('Code copied')));
    $('lock').onclick = () => this.#turnLock();
    $('share').onclick = $('invite').onclick = () => this.#share();
    $('show-qr').onclick = () => this.#showQr();
    $('unwait').onclick = () => {
      this.#dismissed = true;
      $('waiting').hidden = true;
    };
    $('unstale').onclick = () => { $('stale').hidden = true; };
    wide.onchange = () => { this.#shown = null; };
  }

  /** `howTo` explains the controls; a spectator needs neither them nor an invitation, and nobody can be invited into a match. */
  open(code, via, watch, howTo, invitation) {
    this.#code = code;
    this.#invitation = invitation;
    $('lock').hidden = true;
    this.#qr = null;
    $('show-qr').disabled = true;
    this.#shown = null;
    this.#dismissed = watch || via === 'queue';
    this.#played = false;
    $('howto').textContent = howTo;
    $('howto').hidden = true;
    this.#howTo = !watch && howTo;
    this.#looking = via === 'match';
    this.#since = performance.now();
    this.#connected = null;
    $('room-code').textContent = $('waiting-code').textContent = code;
    $('players').replaceChildren();
    $('toasts').replaceChildren();
    $('ping').textContent = '·';
    $('waiting').hidden = true;
    this.warn('');
    this.banner('');
  }

  /** The game has been loaded: `qr(text)` makes codes from here on. */
  loaded(qr) {
    this.#qr = qr;
    $('show-qr').disabled = false;
    this.#paintQr($('waiting-qr'));
  }

  /** The player has used the controls, and so knows them. */
  played() {
    this.#played = true;
  }

  banner(words) {
    $('banner').hidden = !words;
    $('banner').textContent = words;
  }

  /** A line that stays until the player puts it away. */
  warn(words) {
    $('stale').hidden = !words;
    $('stale').firstChild.textContent = words;
  }

  toast(words) {
    const toasts = $('toasts');
    while (toasts.children.length >= TOASTS_MAX) toasts.firstChild.remove();
    const toast = element('p', '', words);
    toasts.append(toast);
    setTimeout(() => toast.remove(), 4000);
  }

  /** The list of players is made anew: the state of one of them has changed. */
  refresh() {
    this.#shown = null;
  }

  /** Players as the session lists them, and the round trip. */
  update(session, stats, now) {
    this.#session = session;
    const players = session.players();
    const ping = stats.connected ? String(Math.round(stats.rtt_ms)) : '·';
    if ($('ping').textContent !== ping) $('ping').textContent = ping;
    if (players !== this.#shown) {
      this.#shown = players;
      this.#alone = !players.some((player) => !player.me && player.connected);
      this.#chat.players = players;
      this.#list([...players]);
    }
    this.#invite(stats.connected && this.#alone, now);
    if (stats.connected) this.#connected ??= now;
    const told = now - this.#connected > (this.#played ? HOWTO_MS_MIN : HOWTO_MS_MAX);
    $('howto').hidden = !stats.connected || !this.#howTo || told;
  }

  #list(players) {
    const duel = players.length <= 2;
    const list = $('players');
    list.className = duel ? 'duel' : 'many';
    const limit = wide.matches ? PLAYERS_WIDE : PLAYERS_NARROW;
    const order = duel ? players.sort((a, b) => a.seat - b.seat) : players.sort((a, b) => b.me - a.me || b.score - a.score);
    const shown = order.slice(0, limit);
    if (!duel) shown.sort((a, b) => b.score - a.score || a.seat - b.seat);
    const { owner, seat, locked } = this.#session;
    const owns = owner !== null && owner === seat;
    $('lock').hidden = !owns;
    $('lock').setAttribute('aria-pressed', String(locked));
    const rows = shown.map((player) => this.#row(player, owner, owns, locked));
    this.#rows = new Map(rows.map((row) => [row.seat, row]));
    const entries = rows.map(({ entry }) => entry);
    if (players.length > limit) {
      this.#more.textContent = `and ${players.length - limit} more`;
      entries.push(this.#more);
    }
    // An entry that is put in again would lose the keyboard and a finger that is on it.
    if (entries.length !== list.children.length || entries.some((entry, i) => entry !== list.children[i])) list.replaceChildren(...entries);
  }

  /** The entry of a player: the one of before with new words, because somebody may be about to press the name. */
  #row(player, owner, owns, locked) {
    const person = player.bot ? null : this.#chat.inSeat(player.seat);
    const orders = owns ? this.#orders(player) : [];
    const tag = orders.length > 0 || (person && !player.me) ? 'button' : 'span';
    let row = this.#rows.get(player.seat);
    if (row?.tag !== tag) {
      const parts = ['who', 'crown', 'kind', 'score'].map((name) => element(name === 'who' ? tag : 'span', name, ''));
      const entry = element('li', '', '');
      entry.append(...parts);
      const [who, crown, kind, score] = parts;
      crown.textContent = '\u265b';
      crown.title = 'Owner of the room';
      row = { seat: player.seat, tag, entry, who, crown, kind, score };
    }
    const { entry, who, crown, kind, score } = row;
    const isOwner = player.seat === owner;
    entry.className = player.me ? 'me' : '';
    entry.classList.toggle('gone', !player.connected);
    who.style.color = player.color;
    who.onclick = tag === 'button' ? (event) => this.#offer(event, person, orders) : null;
    crown.hidden = !isOwner;
    const word = player.bot ? 'bot' : isOwner && locked ? 'locked' : !player.connected ? 'away' : person?.state === 'here' || player.me ? '' : person?.state;
    kind.hidden = !word;
    for (const [part, text] of [[who, player.name], [kind, word ?? ''], [score, String(player.score)]]) {
      if (part.textContent !== text) part.textContent = text;
    }
    return row;
  }

  #offer(event, person, orders) {
    // The click does not lead back to the game.
    event.stopPropagation();
    this.#chat.menu(event.currentTarget, person, orders);
  }

  /** What the owner of the room may do about a player: `[[label, act], …]`. */
  #orders({ seat, name, me }) {
    const session = this.#session;
    if (me) {
      return [
        ['Start a new match', async () => (await import('./match.js')).askForMatch(session, session.game.title)],
        [session.locked ? 'Unlock the room' : 'Lock the room', () => this.#turnLock()],
      ];
    }
    return [
      [`Remove ${name}`, () => session.kick(seat)],
      [`Ban ${name}`, () => session.ban(seat)],
      [`Make ${name} the owner`, () => session.handOver(seat)],
    ];
  }

  #turnLock() {
    this.#session.lock(!this.#session.locked);
  }

  #invite(alone, now) {
    // A quick match finds an opponent within seconds: an invitation before that would be pointless.
    if (now - this.#since > LOOKING_MS) this.#looking = false;
    const card = $('waiting');
    card.hidden = !alone || this.#dismissed;
    card.classList.toggle('looking', this.#looking);
    const words = this.#looking ? 'Finding you an opponent…' : `You have the room to yourself. Send ${this.#invitation ? 'the link' : 'this code'} to a friend, or let them scan it.`;
    if ($('waiting-words').textContent !== words) $('waiting-words').textContent = words;
  }

  async #share() {
    const url = location.href;
    try {
      await navigator.share({ title, text: this.#invitation ? 'Play with me.' : `Play with me. The code is ${this.#code}.`, url });
    } catch (error) {
      // A player who cancels caused no failure; in a browser that cannot share, the link is copied.
      if (error.name === 'AbortError') return;
      await this.#copyLink();
    }
  }

  async #copyLink() {
    await copy(location.href);
    this.toast('Link copied');
  }

  #showQr() {
    this.#paintQr($('qr-image'));
    $('qr-link').textContent = location.href;
    $('qr-local').hidden = !/^(localhost|127\.|\[::1\])/.test(location.hostname);
    $('qr').showModal();
  }

  #paintQr(svg) {
    const { size, path } = this.#qr(location.href);
    const side = size + QUIET_ZONE * 2;
    svg.setAttribute('viewBox', `${-QUIET_ZONE} ${-QUIET_ZONE} ${side} ${side}`);
    const modules = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    modules.setAttribute('d', path);
    svg.replaceChildren(modules);
  }
}
