// Chat: the words of people in the lobby of a game, in a room, and to one person. One panel for all of it, with a tab for each.
// Lines that arrive while the panel is closed show over the game for a while.

import { block, blocked, hideMenu, showMenu } from './people.js';
import { recall, recallInTab, remember, rememberInTab } from './store.js';
import { History, Values } from './tickwire.js';
import { GAP, refusedLine, typing } from './words.js';

/** Lines over the game, and how long each of them stays. */
const FADING_MAX = 5;
const FADING_MS = 12_000;
const PEERS_MAX = 5;
/** Others are told again after this time that the player is still typing: the server forgets it after five seconds. */
const TYPING_MS = 3000;
const UNREAD_SHOWN_MAX = 99;
/** The name under which the last message to this player that was read is remembered. */
const SEEN = 'seen.inbox';
/** The author of what no player has said. */
const SERVER = { player: 'server', name: 'Server' };

const $ = (id) => document.getElementById(id);
const after = (id, other) => BigInt(id) > BigInt(other ?? -1);

function button(className, text, act) {
  const made = Object.assign(document.createElement('button'), { type: 'button', className, textContent: text });
  made.onclick = act;
  return made;
}

export class Chat {
  #topics = null;
  #ends = [];
  /** Tabs are `{title, topic, lines, seen}`; the main one is that of the room or the lobby, and has a `history`. */
  #main = null;
  /** One tab for each person with whom this player speaks alone, by the id of that `peer`. */
  #peers = new Map();
  #current = null;
  #presence = null;
  #inbox = null;
  /** By topic, the newest message when it was first heard: what came before is history. */
  #bases = new Map();
  #rows = new WeakMap();
  #typed = 0;
  #word = 'here';
  #onOpen;
  #onPresence;
  #players = [];

  /** `onOpen(open)`: the panel takes the keyboard, or gives it back. `onPresence()`: the state of somebody has changed. */
  constructor({ onOpen, onPresence }) {
    this.#onOpen = onOpen;
    this.#onPresence = onPresence;
    for (const opener of ['talk', 'lobby-talk']) {
      $(opener).onclick = (event) => {
        event.stopPropagation();
        if (this.open) this.toggle(false);
        else this.show();
      };
    }
    $('chat-close').onclick = () => this.toggle(false);
    $('chat-form').onsubmit = (event) => {
      event.preventDefault();
      this.#say();
    };
    $('chat-text').oninput = () => this.#type();
    // A key that is typed here is never one of the game or of the page.
    $('chat').onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === 'Escape' && !hideMenu()) this.toggle(false);
      // The key that opened the chat may still be held: it sends nothing.
      if (event.key === 'Enter' && event.repeat) event.preventDefault();
    };
    document.addEventListener('visibilitychange', () => {
      this.#tell(document.hidden ? 'away' : 'here');
      this.#show();
    });
    // The keyboard of some phones lies over the page instead of making it smaller.
    const fit = () => document.body.style.setProperty('--keyboard', `${Math.max(0, innerHeight - visualViewport.height - visualViewport.offsetTop)}px`);
    visualViewport?.addEventListener('resize', fit);
  }

  get open() {
    return !$('chat').hidden;
  }

  /** Speaks over this connection from now on, in this topic; `presence` is the topic with the state of its people. */
  attach(topics, topic, title, presence) {
    if (topics !== this.#topics) this.#connect(topics);
    if (topic === this.#main?.topic) return;
    this.#main?.history.close();
    const main = { title, topic, lines: [], seen: recallInTab(`seen.${topic}`) };
    main.history = this.#hear(topic, ({ lines }) => { main.lines = lines; });
    if (!this.#current?.peer) this.#current = main;
    this.#main = main;
    if (presence) this.#presence = new Values(topics, presence, () => this.#changed());
    this.#show();
  }

  #connect(topics) {
    this.#clear();
    this.#topics = topics;
    const known = (you) => { if (you && !this.#inbox) this.#openInbox(`player/${you.player}`); };
    this.#ends = [
      topics.on('you', known),
      topics.on('granted', ({ topic, newest }) => this.#begin(topic, newest)),
      topics.on('message', (message) => this.#overlay(message)),
    ];
    known(topics.you);
  }

  /** The connection is about to end, and no other one follows. */
  detach() {
    this.toggle(false);
    this.#clear();
    this.#current = null;
    this.#show();
  }

  /** What people have said to this player alone stays, and so does the tab that is being written in. */
  #clear() {
    for (const end of this.#ends) end();
    for (const view of [this.#main?.history, this.#inbox, this.#presence]) view?.close();
    this.#topics = this.#main = this.#presence = this.#inbox = null;
    this.#ends = [];
    this.#players = [];
    this.#bases.clear();
    this.#word = 'here';
    $('lines').replaceChildren();
  }

  /** The players of the room, whose colours names have here. */
  set players(players) {
    this.#players = players;
    if (this.open) this.#show();
  }

  /** The state of the player in a seat: `{player, name, state}`; undefined for one that is not known. */
  inSeat(seat) {
    return this.#presence?.entries.get(`seat-${seat}`);
  }

  /** Opens the panel where there is something new. */
  show() {
    if (!this.#main) return;
    if (!this.#unread(this.#current)) this.#current = this.#tabs.find((tab) => this.#unread(tab)) ?? this.#current;
    this.toggle(true);
  }

  toggle(open) {
    if (open === this.open || (open && !this.#main)) return;
    $('chat').hidden = !open;
    document.body.classList.toggle('chatting', open);
    for (const opener of ['talk', 'lobby-talk']) $(opener).setAttribute('aria-expanded', String(open));
    if (open) $('lines').replaceChildren();
    else this.#tell('here');
    this.#onOpen(open);
    if (open) $('chat-text').focus({ preventScroll: true });
    this.#show();
    $('chat-log').scrollTop = $('chat-log').scrollHeight;
  }

  /** Offers to write to a player, or to hear nothing from it, and `more`. */
  menu(at, author, more = []) {
    const { player, name } = author ?? {};
    if (!author || player === this.#topics?.you?.player) return more.length && showMenu(at, more);
    const isBlocked = blocked.has(player);
    const change = () => {
      block(this.#topics, author, !isBlocked);
      this.#changed();
    };
    showMenu(at, [
      ...(isBlocked ? [] : [[`Message ${name}`, () => this.#turnTo(this.#peer(author))]]),
      [`${isBlocked ? 'Unblock' : 'Block'} ${name}`, change],
      ...more,
    ]);
  }

  #hear(topic, changed) {
    return new History(this.#topics, topic, (history) => {
      changed(history);
      this.#show();
    });
  }

  /** Messages to this player, from all others: each of them has a tab. */
  #openInbox(topic) {
    const dealt = new WeakSet();
    this.#inbox = this.#hear(topic, ({ lines }) => {
      for (const line of lines.filter((each) => !dealt.has(each))) {
        dealt.add(line);
        const tabs = line.lost ? this.#peers.values() : [this.#peer(line.from ?? SERVER)];
        // A new connection tells again what is kept.
        for (const tab of tabs) if (!tab.lines.some(({ id }) => id && id === line.id)) tab.lines.push(line);
      }
    });
  }

  #peer({ player, name }) {
    let tab = this.#peers.get(player);
    if (tab) return tab;
    const oldest = [...this.#peers].find(([, other]) => other !== this.#current);
    if (this.#peers.size >= PEERS_MAX) this.#peers.delete(oldest[0]);
    tab = { peer: player, title: name, topic: `player/${player}`, lines: [], seen: recall(SEEN) };
    this.#peers.set(player, tab);
    return tab;
  }

  /** What was said in a room before one came is history, and not unread. */
  #begin(topic, newest) {
    if (!this.#bases.has(topic)) this.#bases.set(topic, newest);
    if (topic === this.#main?.topic) this.#main.seen ??= newest;
  }

  #unread({ lines, seen }) {
    return lines.filter(({ id, state, from }) => id && !state && after(id, seen) && !blocked.has(from?.player)).length;
  }

  #turnTo(tab) {
    this.#current = tab;
    this.toggle(true);
    this.#show();
    $('chat-log').scrollTop = $('chat-log').scrollHeight;
    $('chat-text').focus({ preventScroll: true });
  }

  async #say() {
    const text = $('chat-text').value.trim();
    const tab = this.#current;
    if (!text) return this.toggle(false);
    $('chat-text').value = '';
    this.#tell('here');
    if (tab.history) return tab.history.say(text);
    // A line to one person is in that person's topic, which nobody else hears.
    const line = { from: this.#topics.you, at_ms: Date.now(), body: text, state: 'sending' };
    tab.lines.push(line);
    this.#show();
    await this.#topics.publish(tab.topic, text).then(() => { line.state = 'sent'; }, ({ why }) => Object.assign(line, { state: 'refused', why }));
    this.#show();
  }

  #type() {
    const now = performance.now();
    if (!$('chat-text').value || this.#current?.peer) return this.#tell('here');
    if (now - this.#typed < TYPING_MS && this.#word === 'typing') return;
    this.#typed = now;
    this.#tell('typing', true);
  }

  /** Tells the room of one's own state. A word that does not arrive is no loss. */
  #tell(word, again = false) {
    if (!this.#presence || (word === this.#word && !again)) return;
    this.#word = word;
    this.#topics.publish(this.#presence.topic, word).catch(() => {});
  }

  #changed() {
    this.#onPresence();
    this.#show();
  }

  /** Shows a message over the game, where the panel does not show it. */
  #overlay({ topic, id, from, body }) {
    const isMain = topic === this.#main?.topic;
    const isOurs = isMain || topic === this.#inbox?.topic;
    if (this.open || !isOurs || !after(id, this.#bases.get(topic)) || blocked.has(from?.player)) return;
    const line = document.createElement('p');
    line.append(this.#name(from, isMain ? '' : ' to you'), ` ${body}`);
    $('lines').append(line);
    while ($('lines').childElementCount > FADING_MAX) $('lines').firstChild.remove();
    setTimeout(() => line.remove(), FADING_MS);
  }

  #name(from, more = '') {
    const name = document.createElement('b');
    name.textContent = `${from?.name ?? 'Server'}${more}`;
    name.style.color = this.#colour(from?.player);
    return name;
  }

  #colour(player) {
    const known = [...this.#presence?.entries.values() ?? []].find((entry) => entry.player === player);
    return this.#players.find(({ seat }) => seat === known?.seat)?.color ?? '';
  }

  get #tabs() {
    return this.#main ? [this.#main, ...this.#peers.values()] : [];
  }

  #show() {
    if (this.open && this.#main) this.#see(this.#current);
    const unread = this.#tabs.reduce((sum, tab) => sum + this.#unread(tab), 0);
    for (const opener of ['talk', 'lobby-talk']) {
      const badge = $(opener).querySelector('b');
      badge.hidden = !unread;
      badge.textContent = unread > UNREAD_SHOWN_MAX ? `${UNREAD_SHOWN_MAX}+` : unread;
      $(opener).hidden = !this.#main;
    }
    if (!this.open || !this.#main) return;
    this.#showTabs();
    this.#showLog(this.#current.lines);
    const others = [...this.#presence?.entries.values() ?? []].filter(({ player, state }) => state === 'typing' && player !== this.#topics.you?.player && !blocked.has(player));
    $('chat-typing').textContent = this.#current.peer ? '' : typing(others.map(({ name }) => name));
  }

  /** The player sees all lines of a tab now. */
  #see(tab) {
    const last = tab.lines.findLast(({ id }) => id)?.id;
    if (document.hidden || !last) return;
    const isNew = after(last, tab.seen);
    if (isNew) tab.seen = last;
    if (tab.history) {
      if (isNew) rememberInTab(`seen.${tab.topic}`, last);
      tab.history.seen();
    } else if (isNew && ![...this.#peers.values()].some((other) => this.#unread(other))) {
      // All of the inbox is read once no person's tab has anything left to read.
      remember(SEEN, this.#inbox.newest);
      this.#inbox.seen();
    }
  }

  #showTabs() {
    const tabs = this.#tabs.map((tab) => {
      const made = button('', tab.title, () => this.#turnTo(tab));
      made.setAttribute('role', 'tab');
      made.setAttribute('aria-selected', String(tab === this.#current));
      made.dataset.testid = tab.peer ? 'chat-direct' : 'chat-main';
      const unread = tab === this.#current ? 0 : this.#unread(tab);
      if (unread) made.append(Object.assign(document.createElement('b'), { textContent: unread }));
      return made;
    });
    if (blocked.size) {
      const list = button('hint', `${blocked.size} blocked`, () => showMenu(list, [...blocked].map(([player, name]) => [`Unblock ${name}`, () => {
        block(this.#topics, { player, name }, false);
        this.#changed();
      }])));
      list.dataset.testid = 'chat-blocked';
      tabs.push(list);
    }
    const text = (nodes) => [...nodes].map((node) => `${node.textContent} ${node.ariaSelected}`).join();
    // A tab keeps the focus while nothing about the tabs changes.
    if (text(tabs) !== text($('chat-tabs').children)) $('chat-tabs').replaceChildren(...tabs);
  }

  #showLog(lines) {
    const log = $('chat-log');
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    lines.forEach((line, place) => {
      const row = this.#row(line);
      if (log.children[place] !== row) log.insertBefore(row, log.children[place] ?? null);
    });
    while (log.childElementCount > lines.length) log.lastChild.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }

  #row(line) {
    let row = this.#rows.get(line);
    if (!row) {
      row = document.createElement('li');
      row.dataset.testid = line.lost ? 'chat-gap' : 'chat-line';
      if (line.lost) row.textContent = GAP(line.lost);
      else row.append(this.#who(line.from), document.createElement('span'), document.createElement('i'));
      if (line.at_ms) row.title = new Date(line.at_ms).toLocaleTimeString();
      this.#rows.set(line, row);
    }
    if (line.lost) return row;
    const [who, text, mark] = row.children;
    const words = blocked.has(line.from?.player) ? '(blocked)' : line.body;
    if (text.textContent !== words) text.textContent = words;
    who.style.color = this.#colour(line.from?.player);
    const [state, sign, told] = this.#state(line);
    if (row.dataset.state !== state || mark.title !== told) {
      row.dataset.state = state;
      mark.textContent = sign;
      mark.title = told;
    }
    return row;
  }

  #who(from) {
    const isOther = from && from.player !== this.#topics.you?.player;
    const who = button('who', from?.name ?? 'Server', () => this.menu(who, from));
    who.disabled = !isOther;
    who.dataset.testid = 'chat-name';
    return who;
  }

  /** The state of a line of one's own: a word, a sign, and what the sign means. */
  #state(line) {
    if (!line.state) return ['', '', ''];
    if (line.state === 'refused') return ['refused', refusedLine(line.why), ''];
    if (line.state === 'sending') return ['sending', '…', 'Not sent yet'];
    const history = this.#current.history;
    const [read, delivered] = ['read', 'delivered'].map((kind) => history?.marked(kind, line) ?? 0);
    if (read) return ['read', '✓✓', `Read by ${read}`];
    return delivered ? ['delivered', '✓✓', `Delivered to ${delivered}`] : ['sent', '✓', 'Sent'];
  }
}
