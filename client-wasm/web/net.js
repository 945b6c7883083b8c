// Carries bytes between a WebSocket and the client in WASM, and calls the HTTP API.
// The client decides when to connect, retry or give up; this file only carries that out.

const SUBPROTOCOL = 'tickwire.1';
const BLOCKED_TRIES = 3;

/** The socket of one client. Call `pump` after every call that may give the client messages to send. */
export class Wire {
  /** Whether the page's address answers requests and yet no WebSocket has opened, time after time. */
  blocked = false;
  #client;
  #socket = null;
  #opened = false;
  #failures = 0;

  constructor(client) {
    this.#client = client;
  }

  pump(now) {
    const client = this.#client;
    if (!client) return;
    if (client.poll_dial(now)) this.#dial();
    for (let bytes; (bytes = client.poll_transmit()) !== undefined;) {
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
    }
    const code = client.poll_close();
    if (code !== undefined) {
      // Over a dead connection the other side's close takes a minute, or never arrives.
      this.#drop(closable(code));
      client.closed(code, now);
    }
  }

  /** Sends the remaining messages, closes, and releases the client: none of its callbacks run afterwards. */
  hangUp(now) {
    this.pump(now);
    this.#drop();
    this.#client = null;
  }

  #dial() {
    this.#drop();
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`, SUBPROTOCOL);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.#opened = true;
      this.blocked = false;
      this.#tell((client, now) => client.opened(now));
    };
    // Messages are received and answered here, not in the next frame: a hidden tab has no frames but must acknowledge.
    socket.onmessage = ({ data }) => {
      if (typeof data !== 'string') this.#tell((client, now) => client.receive(new Uint8Array(data), now));
    };
    socket.onclose = ({ code }) => {
      this.#socket = null;
      if (!this.#opened && ++this.#failures >= BLOCKED_TRIES) this.#suspect();
      this.#tell((client, now) => client.closed(code, now));
    };
    this.#socket = socket;
  }

  /** A proxy that does not pass on the upgrade answers everything else. */
  async #suspect() {
    this.blocked = await listRooms().then(() => !this.#opened, () => false);
  }

  #tell(what) {
    const now = performance.now();
    what(this.#client, now);
    this.pump(now);
  }

  #drop(code) {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
    this.#socket = null;
  }
}

// A page may only close with 1000 or an application code; any other number throws.
const closable = (code) => (code === 1000 || (code >= 3000 && code <= 4999) ? code : 1000);

/** A failed request; status 0 means that no answer arrived. */
export class Refused extends Error {
  constructor(status) {
    super(`http ${status}`);
    this.status = status;
  }
}

async function ask(path, body, signal) {
  const options = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  let status = 0;
  try {
    const answer = await fetch(path, { ...options, signal: signal ? AbortSignal.any([signal, AbortSignal.timeout(8000)]) : AbortSignal.timeout(8000) });
    status = answer.status;
    if (answer.ok) return await answer.json();
  } catch {
    status = 0;
  }
  throw new Refused(status);
}

export const listRooms = () => ask('/api/rooms');
export const createRoom = (game, signal) => ask('/api/rooms', { game }, signal);
/** A match that is none of the rooms in `avoid`. */
export const findMatch = (game, avoid, signal) => ask('/api/match', { game, avoid }, signal);
export const findRoom = (code, signal) => ask(`/api/rooms/${encodeURIComponent(code)}`, undefined, signal);
