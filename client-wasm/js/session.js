// One player in one room: the client in WASM, its socket, and the page's clock and visibility.
// The client decides everything about game and connection; this file calls it and passes on what it says.

import { Refused, match, serverAddress } from './api.js';
import { RoomTopics } from './roomtopics.js';
import { Wire, attend } from './wire.js';
import { World, inputWriter, valueReader } from './world.js';

/** A session that no frame has moved on for so long moves itself on: a hidden tab has no frames. */
const IDLE_MS = 100;
/** A client closes with this code for a player who leaves. */
const LEFT = 1000;

const anySeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
/** The secret of a player whom nobody shall know again: without one, each connection would be somebody else. */
const anyKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
/** The number of a session's first message in topics: above all of earlier sessions, and below 2⁵³ for centuries. */
const firstSeq = () => Date.now() * 1024 + anySeed() % 1024;

/** The picture that a client or a match of bots has drawn: numbers and texts, to be painted before the next one. */
function scene(source, memory) {
  // The texts come first: making them may grow the memory, and a view of the old memory would be empty.
  const texts = source.texts();
  return { texts, numbers: new Float32Array(memory.buffer, source.scene_ptr(), source.scene_len()) };
}

/** A match between bots, without a server: `advance(now)`, `scene()`, `close()`. */
export async function preview(game, seed = anySeed()) {
  const { module, memory } = await game.load();
  const bots = new module.Preview(seed);
  return { advance: (now) => bots.advance(now), scene: () => scene(bots, memory), close: () => bots.free() };
}

/** Loads the game and starts to connect: the session is there before the room has answered. */
export async function open({ server, game, code, name = 'Player', watch = false, token = null, ticket = null, secret, key = anyKey(), link = {}, seed = anySeed(), signal }) {
  // A wrong address is told before anything is loaded.
  serverAddress(server);
  signal?.throwIfAborted();
  const shown = typeof ticket === 'function' ? await ticket() : ticket;
  const room = code ? { code } : match(server, game.name, { signal, ticket: shown });
  // Of two failures the one that came first is told; a caller who gave up is told just that.
  const [{ module, memory }, found] = await Promise.all([game.load(), room]).catch((error) => { throw signal?.aborted ? signal.reason : error; });
  signal?.throwIfAborted();
  return new Session({ server, game, code: found.code, name, watch, token, ticket: shown, secret, key, link, seed }, module, memory);
}

/** Like `open`, and waits until the player is in the room. A refusal is an error, and so is a signal to give up. */
export async function connect(options) {
  const session = await open(options);
  const { signal } = options;
  const giveUp = () => session.close();
  signal?.addEventListener('abort', giveUp);
  // An event of the past is not told again.
  if (signal?.aborted) giveUp();
  try {
    await session.joined;
    return session;
  } catch (error) {
    session.close();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

/** A player in a room. */
export class Session {
  /** Resolves once the player is in the room for the first time; rejects with `Refused` when the room refuses. */
  joined;
  /** The id of the server's build while it is another one than this page's, or null. */
  oldBuild = null;
  /** The seat of the room's owner, or null; and whether newcomers are refused. */
  owner = null;
  locked = false;
  /** What is said beside the game: see `Topics` in the types. */
  topics = new RoomTopics((op, topic, text) => {
    const result = this.#client?.topic(op, String(topic), String(text));
    this.#wire.pump(performance.now());
    return result;
  });
  #client;
  #module;
  #memory;
  #wire;
  #world;
  #writeInput;
  #readEvent;
  #listeners = new Map();
  #players = [];
  #playersText = '';
  #advanced = 0;
  #timer;
  #ends = new AbortController();
  #settle;
  #lastStats = null;

  constructor({ server, game, code, name, watch, token, ticket, secret, key, link, seed }, module, memory) {
    const now = performance.now();
    Object.assign(this, { game, code, name, watch });
    this.#module = module;
    this.#memory = memory;
    const options = Object.entries({ code, name, resume: token, ticket, secret, watch, ...link, seed, build: game.build, key, seq: firstSeq() });
    this.#client = new module.Client(`${new URLSearchParams(options.filter(([, value]) => value != null))}`, now);
    this.#wire = new Wire(this.#client, serverAddress(server));
    this.#world = new World(this.#client, memory, game.layout.world);
    this.#writeInput = inputWriter(this.#client, memory, game.layout.input, game.neutral);
    this.#readEvent = valueReader(game.layout.event);
    this.joined = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
    // A page that does not wait is told of a refusal by a notice.
    this.joined.catch(() => {});
    this.#attend();
    this.#timer = setInterval(() => {
      const time = performance.now();
      if (time - this.#advanced >= IDLE_MS) this.advance(time);
    }, IDLE_MS);
  }

  /**
   * Calls `listener` for each `event`, `notice`, `sound` or `silence`, and for each kind of notice by its own name.
   * Gives a function that ends it.
   */
  on(kind, listener) {
    const listeners = this.#listeners.get(kind) ?? this.#listeners.set(kind, new Set()).get(kind);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Makes the ticks that are due, and tells what happened. `world` and `frame` do this too. */
  advance(now = performance.now()) {
    if (!this.#client) return;
    this.#advanced = now;
    this.#client.advance(now);
    this.#wire.pump(now);
    this.#tell();
  }

  /** The world to be drawn now, or null while there is none: the same object each time, valid until the next call. */
  world(now = performance.now()) {
    this.advance(now);
    return this.#client && this.#world.update(now) ? this.#world.fields : null;
  }

  /** The picture of the game's own stage, for `Painter`; null after the end. */
  frame(now = performance.now()) {
    this.advance(now);
    if (!this.#client) return null;
    this.#client.draw(now);
    return scene(this.#client, this.#memory);
  }

  /** The player's input from now on; fields that are left out are neutral. */
  input(fields) {
    if (this.#client) this.#writeInput(fields);
  }

  /** The player's controls from now on, for the game's own stage to turn into an input: see `Pad`. */
  controls(x, y, aimX, aimY, aimed, buttons) {
    this.#client?.set_pad(x, y, aimX, aimY, aimed, buttons);
  }

  /** Everyone in the room, by seat. The same list as before while nothing about it has changed. */
  players() {
    const text = this.#client?.players() ?? this.#playersText;
    if (text !== this.#playersText) {
      this.#playersText = text;
      this.#players = JSON.parse(text);
    }
    return this.#players;
  }

  /** The numbers of the connection and of the prediction; see `Stats` in the types. */
  stats() {
    return this.#client ? JSON.parse(this.#client.stats()) : this.#lastStats;
  }

  /** The state of the connection in one word. */
  get state() {
    return this.#client?.state() ?? 'over';
  }

  /** The tick at which own rows were shown last, and the moment at which others were, in ticks. */
  get tick() {
    return this.#client?.own_tick() ?? 0;
  }

  get tickShown() {
    return this.#client?.tick_shown() ?? 0;
  }

  /** The player's seat; undefined for a spectator and before the room has answered. */
  get seat() {
    return this.#client?.seat();
  }

  /** The token that gets the seat back after a reload; it changes with each connection. */
  get token() {
    return this.#client?.resume_token();
  }

  /** Whether the server answers requests, and a WebSocket cannot be opened all the same. */
  get blocked() {
    return this.#wire.blocked;
  }

  /** The module's own class and its memory, for measurements. */
  get client() {
    return this.#client;
  }

  get memory() {
    return this.#memory;
  }

  /** The networks that can be imitated by name. */
  get links() {
    return JSON.parse(this.#module.profiles());
  }

  /** A text as a QR code: `{size, path}`, the path in the notation of SVG. */
  qr(text) {
    return JSON.parse(this.#module.qr(text));
  }

  /** Imitates a network from now on: `{profile}` by name, or `{latency_ms, jitter_ms, stall_percent}`. */
  setLink({ profile = '', latency_ms = 0, jitter_ms = 0, stall_percent = 0 }) {
    this.#client?.set_link(profile, latency_ms, jitter_ms, stall_percent, performance.now());
  }

  /** Says a line to everyone who hears the room's chat, the topic `room/CODE`: see `topics.publish`. */
  chat(text) {
    const said = this.topics.publish(`room/${this.code.replace(/[ -]/g, '').toUpperCase()}`, text);
    // A page that does not wait for the receipt is not told of a refusal.
    said.catch(() => {});
    return said;
  }

  /** Orders of the room's owner; those of anybody else change nothing. */
  lock(locked = true) {
    this.#order(locked ? 1 : 0, 0);
  }

  kick(seat) {
    this.#order(2, seat);
  }

  ban(seat) {
    this.#order(3, seat);
  }

  handOver(seat) {
    this.#order(4, seat);
  }

  /** A match begins anew, with these options of the game. */
  startMatch(options) {
    this.#client?.start_match(options ? JSON.stringify(options) : '');
    this.#wire.pump(performance.now());
  }

  #order(op, seat) {
    this.#client?.order(op, seat);
    this.#wire.pump(performance.now());
  }

  /** Leaves for good: the seat is free at once. */
  leave() {
    this.#client?.leave();
    this.close();
  }

  /** Ends the session here; the seat is kept for a while, and the token gets it back. */
  close() {
    if (!this.#client) return;
    const client = this.#client;
    this.#lastStats = { ...this.stats(), connected: false, link: 'over' };
    clearInterval(this.#timer);
    this.#ends.abort();
    this.#wire.hangUp(performance.now());
    this.#client = null;
    this.#world.release();
    client.free();
    this.topics.end();
    this.#settle.reject(new Refused(LEFT, 'the session was closed'));
  }

  /** Follows the page: hidden or not, online or not, put aside by the browser or shown again. */
  #attend() {
    const look = () => {
      const now = performance.now();
      this.#client.set_hidden(document.hidden);
      this.#client.set_reachable(navigator.onLine && !document.hidden, now);
      this.#wire.pump(now);
    };
    attend(look, ({ persisted }) => {
      if (!persisted) return;
      this.#client.set_reachable(false, performance.now());
      this.#wire.putAside(performance.now());
    }, this.#ends);
    look();
  }

  /** Passes on what the client has to say. A listener may close the session: then nothing more is said. */
  #tell() {
    while (this.#client?.has_news()) {
      for (let tone; (tone = this.#client?.poll_sound());) this.#emit('sound', tone);
      for (let id; (id = this.#client?.poll_silence()) !== undefined;) this.#emit('silence', id);
      for (let values; (values = this.#client?.poll_event());) this.#event(values);
      for (let text; (text = this.#client?.poll_notice()) !== undefined;) this.#news(JSON.parse(text));
    }
  }

  #event([id, happened, ...leaves]) {
    if (!this.#listeners.get('event')?.size) return;
    this.#emit('event', { id, happened: happened === 1, event: this.#readEvent((leaf) => leaves[leaf]) });
  }

  #news(notice) {
    if (notice.op) this.topics.take(notice);
    else this.#notice(notice);
  }

  #notice(notice) {
    const { kind, code, text } = notice;
    if (kind === 'refused' || kind === 'reload') {
      this.#settle.reject(new Refused(code, text));
      this.topics.end();
    } else if (kind === 'old_build') this.oldBuild = text;
    else if (kind === 'room') Object.assign(this, { owner: code, locked: !!text });
    else if ((kind === 'joined' && !text) || kind === 'resumed') {
      this.oldBuild = null;
      this.#settle.resolve();
    }
    this.#emit(kind, notice);
    this.#emit('notice', notice);
  }

  #emit(kind, value) {
    for (const listener of this.#listeners.get(kind) ?? []) {
      // The listener before may have closed the session.
      if (this.#client) listener(value);
    }
  }
}
