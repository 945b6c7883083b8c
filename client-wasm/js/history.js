// Two views of a topic, for pages that show one: the newest value of each key, and the lines of a chat in order. They
// work with `connectTopics` and with `session.topics`.

import { newer } from './roomtopics.js';

/** A change is told once for all news that arrive within this time. */
const CHANGED_MS = 50;
/** A list that has lost a value is asked for again after this time. */
const AGAIN_MS = 1000;
const LINES_MAX = 256;

/** What both views have in common: they hear one topic, and tell of changes. */
class View {
  #ends;
  #due;
  #changed;

  constructor(topics, topic, changed, news) {
    Object.assign(this, { topics, topic });
    this.#changed = changed;
    this.#ends = Object.entries(news).map(([what, hear]) => topics.on(what, (told) => {
      if (what !== 'you' && told.topic !== topic) return;
      hear(told);
      this.touch();
    }));
    topics.subscribe(topic);
  }

  touch() {
    this.#due ||= setTimeout(() => {
      this.#due = 0;
      this.#changed?.(this);
    }, CHANGED_MS);
  }

  /** Leaves the topic: nothing more is told. */
  close() {
    this.closed = true;
    this.#changed = null;
    for (const end of this.#ends) end();
    this.topics.leave(this.topic);
  }
}

/** The newest value of each key of a topic, such as `lobby/GAME` and `room/CODE/presence`. */
export class Values extends View {
  /** The values by key. */
  entries = new Map();

  constructor(topics, topic, changed) {
    super(topics, topic, changed, {
      // All values that are there follow the grant; one that has gone meanwhile does not.
      granted: () => this.entries.clear(),
      message: ({ key, body }) => {
        if (body) this.entries.set(key, JSON.parse(body));
        else this.entries.delete(key);
      },
      gap: () => setTimeout(() => this.closed || topics.subscribe(topic), AGAIN_MS),
    });
  }
}

/**
 * The lines of a topic in order, for chat. A line is a message, and one of one's own has a `state`: `sending`, `sent` or
 * `refused`. A line with `lost` says that so many messages are missing there.
 */
export class History extends View {
  lines = [];
  /** By player, the ids up to which others have received and read the topic: `{delivered, read}`. */
  marks = new Map();
  /** The id of the newest message, or null. */
  newest = null;
  #you;

  constructor(topics, topic, changed) {
    super(topics, topic, changed, {
      you: ({ player }) => { this.#you = player; },
      granted: ({ newest }) => {
        if (!newer(this.newest ?? 0, newest)) return;
        // The topic has begun anew: its lines come before all that follows.
        this.newest = null;
        this.marks.clear();
        for (const line of this.lines) line.order &&= '0';
      },
      message: ({ topic: _, key, ...line }) => {
        if (newer(line.id, this.newest)) this.newest = line.id;
        this.#put(line.from?.player === this.#you ? this.#own(line) : line, line.id);
      },
      gap: ({ from, to }) => {
        // A newcomer has lost nothing.
        if (this.newest !== null) this.#put({ lost: Number(BigInt(to) - BigInt(from)) + 1 }, this.newest = to);
      },
      read: ({ player, ...mark }) => { this.marks.set(player, mark); },
    });
    this.#you = topics.you?.player;
  }

  /** Says something: the line is there at once, and its state follows. Gives the line. */
  async say(body) {
    const line = { from: this.topics.you, at_ms: Date.now(), body, state: 'sending' };
    this.lines.push(line);
    this.touch();
    try {
      const { id } = await this.topics.publish(this.topic, body);
      // The receipt and the message come in any order.
      const heard = this.lines.find((other) => other.id === id);
      this.#drop(heard);
      this.#put(Object.assign(line, heard, { id, state: 'sent' }), id);
    } catch ({ why }) {
      this.#put(Object.assign(line, { state: 'refused', why }), this.newest ?? '0');
    }
    this.touch();
    return line;
  }

  /** The player has seen all that is here. */
  seen() {
    if (this.newest !== null) this.topics.read(this.topic, this.newest);
  }

  /** How many others have received (`delivered`), or `read`, a line of one's own. */
  marked(kind, { id }) {
    return id ? [...this.marks].filter(([player, mark]) => player !== this.#you && !newer(id, mark[kind])).length : 0;
  }

  /** A message of one's own, in the line that waits for it if there is one. */
  #own(message) {
    const line = this.lines.find(({ id, state, body }) => (id ? id === message.id : state === 'sending' && body.trim() === message.body));
    return Object.assign(line ?? {}, message, { state: 'sent' });
  }

  #drop(line) {
    this.lines = this.lines.filter((other) => other !== line);
  }

  /** Puts a line into its place: those that have no receipt yet are the last ones. */
  #put(line, order) {
    this.#drop(line);
    line.order = order;
    const place = this.lines.findLastIndex((other) => other.order && !newer(other.order, order)) + 1;
    this.lines.splice(place, 0, line);
    this.lines.splice(0, this.lines.length - LINES_MAX);
  }
}
