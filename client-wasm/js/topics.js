// Topics without a game, as JSON over a socket of their own. In a room `session.topics` has the same
// methods and tells the same news.
//
// Guarantees: after a lost connection each topic goes on behind the last message that arrived, and a message without a
// receipt is published again under the same number. So nothing is told twice, and nothing is lost without a gap that says so.

import { serverAddress } from './api.js';
import { RoomTopics, newer } from './roomtopics.js';
import { attend, openSocket } from './wire.js';

const SUBPROTOCOL = 'tickwire.json.1';
/** How often a connection looks at what is due. */
const BEAT_MS = 200;
/** An attempt that takes longer is given up, and so is a connection that does not answer for so long. */
const ANSWER_MS = 8000;
/** After so long without a message the client asks for one. */
const SILENCE_MS = 20_000;
/** Bounds of the pause before the next attempt, which doubles with each failure. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;
/** Marks of one kind and topic are sent at most this often. */
const MARK_MS = 1000;
/** Messages without a receipt, and how often each is sent again after the server asked for a pause. */
const WAITING_MAX = 64;
const TRIES_MAX = 8;

/** The topics in which others see who has received and read what. */
const MARKED = /^(room|player)\/[^/]+$/;

/** Numbers of messages begin anywhere, so that two tabs of one player do not use the same ones. */
const anySeq = () => Number(crypto.getRandomValues(new BigUint64Array(1))[0] >> 12n);
/** What is known of a topic that is heard from here on. */
const heardFrom = (after) => ({ after, due: 0, marks: { delivered: { at: 0 }, read: { at: 0 } } });

/** A connection for topics alone. It is there at once, and connects by itself from then on. */
export const connectTopics = (options) => new TopicConnection(options);

class TopicConnection extends RoomTopics {
  /** `connecting`, `open` or `over`. */
  state = 'connecting';
  #server;
  #hello;
  #ticket;
  #socket = null;
  // When the socket was opened, or the server was asked for an answer; 0 when none is awaited.
  #asked = 0;
  #told = 0;
  #due = 0;
  #failures = 0;
  #seq = anySeq();
  #heard = new Map();
  #waiting = new Map();
  #blocked = new Set();
  // What the server is asked for again on a new connection.
  #wish = null;
  #party = null;
  #ends = new AbortController();
  #timer = setInterval(() => this.#look(), BEAT_MS);

  constructor({ server, name, key, ticket } = {}) {
    super((_, topic, body) => this.#say(topic, body));
    this.#server = serverAddress(server);
    this.#ticket = ticket;
    this.#hello = { op: 'hello', name, key };
    // A device that is back online, and a page that is seen again, do not wait for their turn.
    const look = () => {
      if (!navigator.onLine) return this.#lose();
      this.#failures = 0;
      this.#due = Math.min(this.#due, performance.now() + RETRY_MS_MIN * Math.random());
    };
    // A page with an open socket is not kept for the back button.
    attend(look, () => this.#lose(), this.#ends);
    this.#look();
  }

  subscribe(topic, { after = null } = {}) {
    this.#heard.set(topic, heardFrom(after));
    this.#ask(topic);
  }

  leave(topic) {
    if (this.#heard.delete(topic)) this.#send({ op: 'leave', topic });
  }

  read(topic, id) {
    this.#mark('read', topic, id);
  }

  block(player, blocked) {
    this.#blocked[blocked ? 'add' : 'delete'](player);
    this.#send({ op: 'block', player, blocked });
    return true;
  }

  /** Enters a queue, together with the party. After a lost connection it enters again, at the end. */
  queue(game, queue) {
    this.#wish = { op: 'queue', game, queue };
    this.#send(this.#wish);
  }

  unqueue() {
    this.#wish = null;
    this.#send({ op: 'unqueue' });
  }

  /** Joins a party, or begins one. */
  party(party) {
    this.#party = { op: 'party', party };
    this.#send(this.#party);
  }

  leaveParty() {
    this.#party = null;
    this.#send({ op: 'leave_party' });
  }

  /** Ends the connection for good. */
  close() {
    clearInterval(this.#timer);
    this.#ends.abort();
    this.#lose();
    this.#enter('over');
    this.end();
  }

  /** The number of a message that waits for its receipt from here on. */
  #say(topic, body) {
    const seq = this.#seq++;
    if (this.#waiting.size < WAITING_MAX) this.#waiting.set(seq, { topic, body, tries: 0, due: 0 });
    else queueMicrotask(() => this.take({ op: 'receipt', seq, why: 'busy', wait_ms: 0 }));
    this.#sendDue();
    return seq;
  }

  #look(now = performance.now()) {
    if (!this.#socket) {
      if (now >= this.#due && navigator.onLine && !document.hidden) this.#dial(now);
      return;
    }
    if (this.#asked && now - this.#asked > ANSWER_MS) return this.#lose();
    if (this.state !== 'open') return;
    const silent = !this.#asked && now - this.#told > SILENCE_MS;
    for (const [topic, heard] of this.#heard) {
      // The server answers a topic that is asked for again, and tells nothing of it twice.
      if (heard.due ? now >= heard.due : silent && !this.#asked) {
        this.#asked = now;
        this.#ask(topic);
      }
    }
    this.#sendDue(now);
  }

  #dial(now) {
    const socket = this.#socket = openSocket(this.#server, SUBPROTOCOL);
    this.#asked = now;
    if (!socket) return this.#lose();
    // Each connection uses up a ticket.
    socket.onopen = () => {
      if (this.#ticket) (async () => this.#ticket())().then((ticket) => this.#greet(socket, ticket), () => this.#lose());
      else this.#greet(socket);
    };
    socket.onmessage = ({ data }) => {
      this.#told = performance.now();
      this.#asked = 0;
      this.#hear(JSON.parse(data));
    };
    socket.onclose = () => this.#lose();
  }

  /** The server learns everything at once, without a question for each. */
  #greet(socket, ticket) {
    if (socket !== this.#socket) return;
    this.#send({ ...this.#hello, ticket });
    for (const player of this.#blocked) this.block(player, true);
    for (const ask of [this.#party, this.#wish]) if (ask) this.#send(ask);
    for (const [topic, heard] of this.#heard) {
      const { marks } = heard;
      heard.granted = false;
      this.#ask(topic);
      marks.delivered.sent = marks.read.sent = false;
    }
    for (const line of this.#waiting.values()) line.sent = false;
    this.#sendDue();
  }

  #lose() {
    const socket = this.#socket;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    socket?.close();
    this.#socket = null;
    this.#due = performance.now() + Math.min(RETRY_MS_MIN * 2 ** this.#failures++, RETRY_MS_MAX) * (1 + Math.random()) / 2;
    this.#enter('connecting');
  }

  #hear(news) {
    const { op, topic, id, seq, wait_ms } = news;
    const heard = this.#heard.get(topic);
    switch (op) {
      case 'you':
        this.#failures = 0;
        this.#enter('open');
        break;
      case 'granted':
        if (!heard) return;
        // A topic with keys tells everything again; any other has begun anew when its newest message is an older one.
        if (heard.keyed || newer(heard.after ?? 0, news.newest)) this.#heard.set(topic, heardFrom(null));
        this.#heard.get(topic).granted = true;
        break;
      case 'message':
        if (!heard || !newer(id, heard.after)) return;
        heard.after = id;
        heard.keyed = news.key;
        if (MARKED.test(topic)) this.#mark('delivered', topic, id);
        if (this.#blocked.has(news.from?.player)) return;
        break;
      case 'gap':
        if (heard && newer(news.to, heard.after)) heard.after = news.to;
        break;
      case 'refused':
        if (heard && wait_ms) heard.due = performance.now() + wait_ms;
        else this.#heard.delete(topic);
        break;
      case 'ended':
        // The answer to a topic that was left, and perhaps is asked for again.
        if (!heard?.granted) return;
        this.#heard.delete(topic);
        break;
      case 'receipt': {
        const line = this.#waiting.get(seq);
        if (line && wait_ms && ++line.tries < TRIES_MAX) {
          line.due = performance.now() + wait_ms;
          line.sent = false;
          return;
        }
        this.#waiting.delete(seq);
        break;
      }
      case 'party':
        this.#party = { op, party: news.party };
        break;
      case 'no_party':
        this.#party = null;
        break;
      case 'matched': case 'unqueued': case 'not_queued':
        this.#wish = null;
        break;
      case 'error':
        console.warn(news.what, news.help);
        // The server has something against this client: it is not asked again soon, and not told the same again.
        this.#failures = 9;
        for (const each of this.#waiting.keys()) this.#hear({ op: 'receipt', seq: each, why: 'text', wait_ms: 0 });
    }
    this.take(news);
  }

  /** Sends messages and marks that are due. Nothing overtakes a message of the same topic that has to wait. */
  #sendDue(now = performance.now()) {
    const held = new Set();
    for (const [seq, line] of this.#waiting) {
      const { topic, body } = line;
      if (line.due > now) held.add(topic);
      if (!line.sent && !held.has(topic)) line.sent = this.#send({ op: 'publish', topic, seq, body });
    }
    for (const [topic, { marks }] of this.#heard) {
      for (const [op, mark] of Object.entries(marks)) {
        if (!mark.id || mark.sent || now - mark.at < MARK_MS) continue;
        mark.sent = this.#send({ op, topic, id: mark.id });
        mark.at = now;
      }
    }
  }

  #mark(op, topic, id) {
    const mark = this.#heard.get(topic)?.marks[op];
    if (mark && newer(id, mark.id)) Object.assign(mark, { id, sent: false });
  }

  /** Asks for a topic: in one with keys for everything, because some of it may be gone. */
  #ask(topic) {
    const heard = this.#heard.get(topic);
    heard.due = 0;
    this.#send({ op: 'subscribe', topic, after: heard.keyed ? undefined : heard.after ?? undefined });
  }

  #send(message) {
    const isOpen = this.#socket?.readyState === WebSocket.OPEN;
    if (isOpen) this.#socket.send(JSON.stringify(message));
    return isOpen;
  }

  #enter(state) {
    if (state === this.state || this.state === 'over') return;
    this.state = state;
    this.take({ op: 'state', state });
  }
}
