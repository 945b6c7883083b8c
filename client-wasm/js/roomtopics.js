// The topics of a player in a room: what is said beside the game. They are in the game's module, which subscribes again
// and sends again after a lost connection; this file gives its calls names, and each message the promise of its receipt.

import { TopicRefused } from './api.js';

// The numbers of the module's calls.
const [SUBSCRIBE, LEAVE, PUBLISH, READ, BLOCK] = [0, 1, 2, 3, 4];

/** Whether one id follows another; every id follows none. */
export const newer = (id, than) => BigInt(id) > BigInt(than ?? -1);

export class RoomTopics {
  /** Who this is for others, `{player, name}`; null before the server has said so. */
  you = null;
  #call;
  #waiting = new Map();
  #listeners = new Map();

  /** `call(op, topic, text)` does one of the calls; it gives nothing once the session is over. */
  constructor(call) {
    this.#call = call;
  }

  /** Calls `listener` with all news of a kind. Gives a function that ends it. */
  on(what, listener) {
    const listeners = this.#listeners.get(what) ?? this.#listeners.set(what, new Set()).get(what);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Hears a topic: what comes after a message, or all that is kept. */
  subscribe(topic, { after } = {}) {
    this.#call(SUBSCRIBE, topic, after ?? '');
  }

  leave(topic) {
    this.#call(LEAVE, topic, '');
  }

  /** Says something. Resolves once the server has it, whatever becomes of the connection; rejects with `TopicRefused`. */
  publish(topic, body) {
    return new Promise((resolve, reject) => {
      const seq = this.#call(PUBLISH, topic, body);
      if (seq === undefined) reject(new TopicRefused('over'));
      else this.#waiting.set(seq, { resolve, reject });
    });
  }

  /** The player has seen the messages of a topic up to this one. */
  read(topic, id) {
    this.#call(READ, topic, id);
  }

  /** Nothing of another player from now on, or everything again. False for a text that is no player, and for one too many. */
  block(player, blocked) {
    return this.#call(BLOCK, player, blocked ? '1' : '') === 1;
  }

  /** Takes news of the module. */
  take({ op, ...news }) {
    if (op === 'receipt') return this.#settle(news);
    if (op === 'you') this.you = news;
    for (const listener of this.#listeners.get(op) ?? []) listener(news);
  }

  /** No receipt will come any more, and no news. */
  end() {
    for (const { reject } of this.#waiting.values()) reject(new TopicRefused('over'));
    this.#waiting.clear();
    this.#listeners.clear();
    this.#call = () => undefined;
  }

  #settle({ seq, id, kept, why, wait_ms }) {
    const { resolve, reject } = this.#waiting.get(seq) ?? {};
    this.#waiting.delete(seq);
    if (why) reject?.(new TopicRefused(why, wait_ms));
    else resolve?.({ id, kept });
  }
}
