// What operators may do: each action asks first, and says what will happen. Below, the list of what was done.

import { $, Rows, el, mark, say } from './dom.js';
import { Refused } from './feed.js';
import { clock, deed, plural } from './words.js';

/** How long the words about a finished action stay. */
const TOAST_MS = 8000;
/** Lines of the list. */
const AUDIT_MAX = 100;

/** The questions, by action. `field`: what has to be typed, `go`: the words on the button. */
const asks = {
  announce: ({ connections }) => ({
    title: 'Announce to everybody', go: 'Announce', done: 'Announced.', field: 'What everybody reads',
    what: `The text appears at the top of the page of everybody who is connected (${plural(connections, 'connection')} now), in rooms and in the lobby, until they put it away.`,
  }),
  drain: ({ rooms }) => ({
    title: 'Drain this server?', go: 'Drain', done: 'The server drains.', harm: true,
    what: `From now on the server is not ready: no room is made, and a load balancer sends people elsewhere. Games that run go on (${plural(rooms, 'room')} now). There is no way back from here but a restart.`,
  }),
  kick: ({ code, name }) => ({
    title: `Kick ${name} from ${code}?`, go: `Kick ${name}`, done: `${name} was kicked.`, harm: true,
    what: `${name} is disconnected at once and reads that they were removed. The seat becomes free, and the game goes on for the others.`,
  }),
  ban: ({ code, name }) => ({
    title: `Ban ${name} from ${code}?`, go: `Ban ${name}`, done: `${name} was banned.`, harm: true,
    what: `${name} is disconnected at once, and cannot come back to this room while it lasts. The game goes on for the others.`,
  }),
  lock: ({ code, locked }) => (locked ? {
    title: `Lock ${code}?`, go: 'Lock', done: `${code} is locked.`, what: 'Nobody new gets a seat, with the code or by a match. Players who are in the room stay, and may come back after a lost connection.',
  } : {
    title: `Unlock ${code}?`, go: 'Unlock', done: `${code} is unlocked.`, what: 'Free seats can be taken again by everybody who has the code or the invitation.',
  }),
  close: ({ code, players }) => ({
    title: `Close ${code}?`, go: 'Close the room', done: `${code} was closed.`, harm: true,
    what: `The game ends at once for ${plural(players, 'player')}, who read that the room has closed. Its world is not kept.`,
  }),
};

export class Actions {
  #feed;
  #send = null;
  #toasts = 0;
  #guarded = new Set();

  constructor(feed) {
    this.#feed = feed;
    $('ask').querySelector('form').onsubmit = (event) => {
      event.preventDefault();
      this.#go();
    };
    $('ask-no').onclick = () => $('ask').close();
    $('ask').onclose = () => { this.#send = null; };
  }

  /** Why this operator may not act, or an empty text. */
  get hindrance() {
    const { operator, state } = this.#feed;
    if (state !== 'open') return 'There is no connection.';
    if (operator.role === 'act') return '';
    return operator.name === 'anybody' ? 'To act, sign in with a token whose role is act.' : `${operator.name} may look and not act.`;
  }

  /**
   * Ties a button to an action. `about()` gives what the action is about, when the button is pressed. The button can be
   * reached even when it may not be used, so that its reason can be read.
   */
  guard(button, action, about) {
    this.#guarded.add(button);
    button.onclick = () => {
      if (this.hindrance) this.toast(this.hindrance);
      else this.ask(action, about());
    };
    this.#show(button);
  }

  /** Shows at each button whether it may be used. */
  refresh() {
    for (const button of this.#guarded) {
      if (button.isConnected) this.#show(button);
      else this.#guarded.delete(button);
    }
    say($('role-why'), this.hindrance);
  }

  #show(button) {
    mark(button, 'aria-disabled', this.hindrance ? 'true' : null);
    mark(button, 'aria-describedby', this.hindrance ? 'role-why' : null);
    mark(button, 'title', this.hindrance || null);
  }

  ask(action, about) {
    const { title, what, go, done, field, harm } = asks[action](about);
    say($('ask-title'), title);
    say($('ask-what'), what);
    say($('ask-yes'), go);
    say($('ask-trouble'), '');
    $('ask-field').hidden = !field;
    say($('ask-field').firstElementChild, field ?? '');
    $('ask-text').value = '';
    $('ask-text').required = Boolean(field);
    mark($('ask'), 'data-harm', harm ? '' : null);
    $('ask-yes').disabled = false;
    this.#send = { action, about, done };
    $('ask').showModal();
    // A key pressed too often must not do harm.
    (field ? $('ask-text') : $('ask-no')).focus();
  }

  async #go() {
    const sent = this.#send;
    if (!sent || $('ask-yes').disabled) return;
    // A seat may have changed hands while the question stood there.
    if (sent.about.isStill?.() === false) return say($('ask-trouble'), 'Somebody else has this seat now. Nothing was done.');
    $('ask-yes').disabled = true;
    say($('ask-trouble'), '');
    try {
      const help = await this.#feed.act(...request(sent.action, sent.about));
      if (this.#send === sent) $('ask').close();
      this.toast([sent.done, help].filter(Boolean).join(' '));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (this.#send === sent) say($('ask-trouble'), error.message);
      else this.toast(error.message);
    } finally {
      if (this.#send === sent || !this.#send) $('ask-yes').disabled = false;
    }
  }

  /** Shows a sentence for a while. */
  toast(text) {
    const own = ++this.#toasts;
    say($('toast'), text);
    setTimeout(() => { if (own === this.#toasts) say($('toast'), ''); }, TOAST_MS);
  }
}

function request(action, about) {
  switch (action) {
    case 'announce': return ['announce', { text: $('ask-text').value.trim() }];
    case 'drain': return ['drain', {}];
    case 'lock': return [`rooms/${about.code}/lock`, { locked: about.locked }];
    case 'close': return [`rooms/${about.code}/close`, {}];
    default: return [`rooms/${about.code}/${action}`, { seat: about.seat }];
  }
}

/** What operators did, the newest first. */
export class Audit {
  #lines = new Map();
  #rows = new Rows($('audit'), ({ id }) => id, makeLine, () => {});

  /** A line that comes once more, after a lost connection, is the same line: a server numbers its lines. */
  take(line) {
    const own = `${line.at_ms} ${line.number}`;
    this.#lines.set(own, { ...line, id: own });
    const sorted = [...this.#lines.values()].sort((a, b) => b.at_ms - a.at_ms || b.number - a.number).slice(0, AUDIT_MAX);
    this.#lines = new Map(sorted.map((each) => [each.id, each]));
    this.#rows.show(sorted);
    $('audit-none').hidden = true;
  }
}

function makeLine(line) {
  const refused = line.outcome === 'refused';
  const time = el('time', { datetime: new Date(line.at_ms).toISOString() }, clock(line.at_ms));
  const outcome = refused ? [' ', el('b', {}, 'refused')] : [];
  return { node: el('li', { 'data-level': refused ? 'care' : undefined }, time, ' ', el('span', {}, deed(line)), ...outcome) };
}
