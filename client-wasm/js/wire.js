// Carries bytes between a WebSocket and the client in WASM.
// The client decides when to connect, retry or give up; this file only carries that out.

import { rooms } from './api.js';

const SUBPROTOCOL = 'tickwire.1';
const BLOCKED_TRIES = 3;
/** The code of a connection that ended without a close frame. */
const LOST = 1006;

/**
 * A socket to a server, as `serverAddress` gave it; null when it failed at once. A browser forbids some addresses, such as
 * one without TLS for a page with it.
 */
export function openSocket({ socket }, subprotocol) {
  try {
    return new WebSocket(socket, subprotocol);
  } catch (error) {
    console.warn(error);
    return null;
  }
}

/** Calls `look` when the device is online or not, or the page hidden or seen, and `away` when it is put aside, until `ends`. */
export function attend(look, away, { signal }) {
  for (const kind of ['online', 'offline', 'pageshow']) addEventListener(kind, look, { signal });
  document.addEventListener('visibilitychange', look, { signal });
  addEventListener('pagehide', away, { signal });
}

/** The socket of one client. Call `pump` after every call that may give the client messages to send. */
export class Wire {
  /** Whether the server's address answers requests and yet no WebSocket has opened, time after time. */
  blocked = false;
  #client;
  #server;
  #socket = null;
  #opened = false;
  #failures = 0;

  /** `server`: what `serverAddress` gave. */
  constructor(client, server) {
    this.#client = client;
    this.#server = server;
  }

  pump(now) {
    const client = this.#client;
    if (!client) return;
    if (client.poll_dial(now)) this.#dial();
    while (client.has_message()) {
      const bytes = client.poll_transmit();
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
    }
    const code = client.poll_close();
    if (code !== undefined) {
      // Over a dead connection the other side's close takes a minute, or never arrives.
      this.#drop(code);
      client.closed(code, now);
    }
  }

  /** Closes the socket because the page is put aside: a page with an open socket is not kept by the browser. */
  putAside(now) {
    if (!this.#socket) return;
    this.#drop();
    this.#client?.closed(LOST, now);
  }

  /** Sends the remaining messages, closes, and releases the client: none of its callbacks run afterwards. */
  hangUp(now) {
    this.pump(now);
    this.#drop();
    this.#client = null;
  }

  #dial() {
    this.#drop();
    const socket = this.#open();
    if (!socket) return;
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
    socket.onclose = ({ code, reason }) => {
      this.#socket = null;
      if (!this.#opened && ++this.#failures >= BLOCKED_TRIES) this.#suspect();
      this.#tell((client, now) => client.closed(code, now, reason));
    };
    this.#socket = socket;
  }

  #open() {
    const socket = openSocket(this.#server, SUBPROTOCOL);
    if (!socket) this.#client.closed(LOST, performance.now());
    return socket;
  }

  /** A proxy that does not pass on the upgrade answers everything else. */
  async #suspect() {
    this.blocked = await rooms(this.#server.http).then(() => !this.#opened, () => false);
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
