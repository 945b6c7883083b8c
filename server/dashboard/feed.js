// The connection to the operators' listener: topics over a socket, and actions over HTTP.
//
// Guarantees: it connects again by itself, after waits that grow, and hears the same topics afterwards. The token is in the
// first message and in the header of actions, and in no address.

import { sentence } from './words.js';

const SUBPROTOCOL = 'tickwire.json.1';
/** Figures come each second: a connection that is silent for so long is given up, and so is an attempt. */
const SILENCE_MS = 8000;
const BEAT_MS = 250;
/** Bounds of the wait before the next attempt, which doubles with each failure. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;
/** The close code for a token that the server does not take. */
const DENIED = 4001;

const root = new URL('../', import.meta.url);

/** The server has refused an action; `message` are its words. */
export class Refused extends Error {}

export class Feed {
  /** `connecting`, `open`, `waiting` for the next attempt, or `denied`: a token is needed. */
  state = 'connecting';
  /** `{name, role}` while the connection is open. */
  operator = null;
  /** The server's words about the last connection, if it had any. */
  trouble = '';
  #onState;
  #token = null;
  #socket = null;
  #heard = new Map();
  #failures = 0;
  #due = 0;
  #told = 0;

  /** `onState()` is called when something about the connection has changed. */
  constructor(onState) {
    this.#onState = onState;
    setInterval(() => this.#look(), BEAT_MS);
    addEventListener('online', () => this.retry());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.retry(); });
  }

  /** Connects under this token, or without one. */
  connect(token) {
    this.#token = token;
    this.#failures = 0;
    this.trouble = '';
    this.#drop();
    this.#dial();
  }

  /** Tries now if it waits. */
  retry() {
    if (this.state === 'waiting') this.#dial();
  }

  /** Milliseconds until the next attempt. */
  get waitMs() {
    return Math.max(this.#due - performance.now(), 0);
  }

  /** Hears a topic: `take(body, id)` has its messages, and `over(why)` is called when there are no more. */
  hear(topic, take, over = () => {}) {
    this.#heard.set(topic, { take, over, granted: false, due: 0 });
    if (this.state === 'open') this.#send({ op: 'subscribe', topic });
  }

  leave(topic) {
    if (this.#heard.delete(topic) && this.state === 'open') this.#send({ op: 'leave', topic });
  }

  /** Does an action; gives the answer's words, if it has any. Throws `Refused` with the reason. */
  async act(path, body) {
    const headers = { 'content-type': 'application/json' };
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    const request = { method: 'POST', headers, body: JSON.stringify(body), cache: 'no-store', credentials: 'omit' };
    const answer = await fetch(new URL(`admin/${path}`, root), request).catch(() => null);
    if (!answer) throw new Refused('The server does not answer.');
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(sentence(told.detail ?? told.title ?? `the server refused this (${answer.status})`));
    return sentence(told.help ?? '');
  }

  #look(now = performance.now()) {
    if (this.state === 'waiting') {
      if (now >= this.#due) this.#dial();
      else this.#onState();
      return;
    }
    if (this.#socket && now - this.#told > SILENCE_MS) return this.#lose();
    if (this.state !== 'open') return;
    for (const [topic, heard] of this.#heard) {
      if (!heard.due || now < heard.due) continue;
      heard.due = 0;
      this.#send({ op: 'subscribe', topic });
    }
  }

  #dial() {
    const address = new URL('ws', root);
    address.protocol = root.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = this.#socket = new WebSocket(address, SUBPROTOCOL);
    this.#told = performance.now();
    socket.onopen = () => this.#send({ op: 'hello', token: this.#token ?? undefined });
    socket.onmessage = ({ data }) => {
      this.#told = performance.now();
      this.#take(parsed(data));
    };
    socket.onclose = ({ code }) => this.#lose(code);
    this.#enter('connecting');
  }

  #take(message) {
    const heard = this.#heard.get(message?.topic);
    switch (message?.op) {
      case 'you':
        this.#failures = 0;
        this.trouble = '';
        this.operator = message.operator ?? { name: 'anybody', role: 'look' };
        for (const [topic, each] of this.#heard) {
          each.granted = false;
          this.#send({ op: 'subscribe', topic });
        }
        return this.#enter('open');
      case 'granted':
        if (heard) heard.granted = true;
        return;
      case 'message': {
        const body = parsed(message.body);
        if (heard && body) heard.take(body, message.id);
        return;
      }
      case 'refused':
        if (heard && message.wait_ms) {
          heard.due = performance.now() + message.wait_ms;
          return;
        }
        return this.#end(message.topic, message.why);
      case 'ended':
        // The answer to a topic that was left, and perhaps is asked for again.
        if (heard?.granted) this.#end(message.topic, 'ended');
        return;
      case 'error':
        this.trouble = sentence([message.what, message.help].filter(Boolean).join(': '));
    }
  }

  #end(topic, why) {
    const heard = this.#heard.get(topic);
    this.#heard.delete(topic);
    heard?.over(why);
  }

  #lose(code) {
    this.#drop();
    if (code === DENIED) return this.#enter('denied');
    const wait = Math.min(RETRY_MS_MIN * 2 ** this.#failures, RETRY_MS_MAX);
    this.#failures += 1;
    // Not all pages come back at the same moment when a server has restarted.
    this.#due = performance.now() + wait * (0.75 + Math.random() / 2);
    this.#enter('waiting');
  }

  #drop() {
    const socket = this.#socket;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    socket?.close();
    this.#socket = null;
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #enter(state) {
    this.state = state;
    if (state === 'denied') this.operator = null;
    this.#onState();
  }
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}
