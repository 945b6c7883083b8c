// Waiting for a fair match, alone or in a party. The lobby's connection carries it, so that it ends where that ends.

import { showMenu } from './people.js';
import { copy } from './store.js';

/** The party in a link. It is behind the hash, where no server sees it. */
const PARTY = /^#party-(\w+)$/;

const TROUBLE = {
  lost: 'One of your party is gone. Start again when you are ready.',
  replaced: 'You are waiting in another window.',
  party: 'Your party has changed. Start again when all of you are here.',
  no_room: 'The server has no room for your match now. Try again in a moment.',
  not_leader: 'Whoever began the party starts the search.',
  party_too_large: 'Your party has more players than this game.',
  unknown: 'That party is over. Ask your friend for a new link.',
  full: 'There are too many already.',
};

const $ = (id) => document.getElementById(id);

export class Queue {
  #topics = null;
  #party = null;
  #waits = false;
  #enter;
  #say;

  /** `game()` is the chosen game, `enter({game, code, via})` opens the room of a match, `say(words)` tells of trouble. */
  constructor(game, enter, say) {
    this.#enter = enter;
    this.#say = say;
    $('queue').onclick = () => {
      say('');
      if (this.#waits) this.#topics?.unqueue();
      else this.#topics?.queue(game());
    };
    $('party').onclick = () => (this.#party ? this.#menu() : this.#topics?.party());
  }

  /** From now on over this connection. The party in the link that has led here is joined. */
  attach(topics) {
    if (topics === this.#topics) return this.#follow();
    this.#topics = topics;
    this.#party = null;
    this.#wait(false);
    const ready = () => {
      for (const id of ['queue', 'party']) $(id).disabled = topics.state !== 'open';
    };
    topics.on('state', ready);
    ready();
    topics.on('queued', ({ place, of, estimate_ms }) => {
      this.#wait(true, `${place} of ${of}${estimate_ms ? `, about ${Math.ceil(estimate_ms / 1000)} s` : ''}`);
    });
    topics.on('matched', ({ game, code }) => this.#enter({ game, code, via: 'queue' }));
    for (const kind of ['unqueued', 'not_queued', 'no_party']) {
      topics.on(kind, ({ why }) => {
        if (kind === 'no_party') this.#party = null;
        this.#wait(kind === 'no_party' && this.#waits);
        if (TROUBLE[why]) this.#say(TROUBLE[why]);
      });
    }
    topics.on('party', (party) => {
      this.#party = party;
      this.#wait(this.#waits);
    });
    this.#follow();
  }

  #follow() {
    const code = PARTY.exec(location.hash)?.[1];
    if (!code) return;
    history.replaceState(null, '', location.pathname + location.search);
    this.#topics.party(code);
  }

  #wait(waits, words) {
    this.#waits = waits;
    const names = this.#party?.members.map(({ name }) => name).join(', ');
    if (!waits || words) $('queue-words').textContent = words ?? names ?? 'against equals';
    $('queue').textContent = waits ? 'Stop' : 'Find';
    $('party').textContent = names ? `Party of ${this.#party.members.length}` : 'With friends';
  }

  #menu() {
    showMenu($('party'), [
      ['Copy the link', () => {
        copy(`${location.href.split('#')[0]}#party-${this.#party.party}`);
        this.#say('Send the link to your friends.');
      }],
      ['Leave the party', () => this.#topics.leaveParty()],
    ]);
  }
}
