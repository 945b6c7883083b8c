// The lobby's own connection, without a game: public rooms as they change, the lobby's chat, and announcements. Where it
// cannot be had, the lobby asks for the list from time to time.

import { server } from './place.js';
import { blockAll } from './people.js';
import { playerKey, recall, remember } from './store.js';
import { History, Values, connectTopics } from './tickwire.js';

/** Lists that are heard at the same time; a server allows sixteen topics in all. */
const LISTS_MAX = 10;
/** Rooms of a game that a list holds. A full one may have left rooms out. */
const LIST_ROOMS_MAX = 64;

const $ = (id) => document.getElementById(id);

export class Live {
  topics = null;
  #lists = [];
  #onRooms;
  #name;

  /** `onRooms()` is called when the list has changed, or can be had no longer. */
  constructor(onRooms) {
    this.#onRooms = onRooms;
  }

  /** Connects under a name, to hear the lists of these games. A connection under this name stays. */
  start(name, games) {
    if (this.topics && this.#name === name) return this.topics;
    this.stop();
    this.#name = name;
    const topics = this.topics = connectTopics({ server, name, key: playerKey() });
    blockAll(topics);
    this.#lists = games.slice(0, LISTS_MAX).map((game) => new Values(topics, `lobby/${game.name}`, this.#onRooms));
    topics.on('state', this.#onRooms);
    announce(topics);
    return topics;
  }

  /** Hangs up: in a room the game's own connection carries everything. */
  stop() {
    this.topics?.close();
    this.topics = null;
    this.#lists = [];
  }

  /** The public rooms, or null while they are not known by this connection. */
  rooms() {
    if (this.topics?.state !== 'open') return null;
    return this.#lists.flatMap(({ entries }) => [...entries.values()]);
  }

  /** Whether there may be public rooms that no list has. */
  get partial() {
    return this.#lists.some(({ entries }) => entries.size >= LIST_ROOMS_MAX);
  }
}

/** Shows what operators announce, until the player puts it away. */
export function announce(topics) {
  return new History(topics, 'announce', ({ lines }) => {
    const line = lines.findLast(({ id }) => id);
    if (!line || line.id === recall('announced')) return;
    $('announcement').hidden = false;
    $('announcement').firstChild.textContent = line.body;
    $('announcement').lastChild.onclick = () => {
      remember('announced', line.id);
      $('announcement').hidden = true;
    };
  });
}
