// The server's HTTP API: rooms and matches. Every call names its server, and nothing of one server reaches another.

const TIMEOUT_MS = 8000;

/** A request or a connection that was refused. `status`: of HTTP, or the close code; 0 means that no answer came. */
export class Refused extends Error {
  constructor(status, message = status ? `refused with ${status}` : 'no answer') {
    super(message);
    this.name = 'Refused';
    this.status = status;
  }
}

/** A message that the server refused, and why in a word; `waitMs` is 0 when waiting is of no use. */
export class TopicRefused extends Error {
  constructor(why, waitMs = 0) {
    super(`refused: ${why}`);
    Object.assign(this, { name: 'TopicRefused', why, waitMs });
  }
}

/**
 * The addresses of a server: a URL or its text, of http(s) or ws(s), with a path where the server has one. Without a
 * server it is the folder of the page.
 */
export function serverAddress(server) {
  const text = String(server || '.');
  const wrong = () => new TypeError(`${text}: a server's address is like wss://play.example/path/`);
  // A name alone would be taken for a file beside the page.
  if (!/^[./]|:\/\//.test(text)) throw wrong();
  const url = new URL(text, document.baseURI);
  const secure = { 'https:': 's', 'wss:': 's', 'http:': '', 'ws:': '' }[url.protocol];
  if (secure === undefined) throw wrong();
  const rest = `://${url.host}${url.pathname.replace(/\/*$/, '/')}`;
  return { http: `http${secure}${rest}`, socket: `ws${secure}${rest}ws` };
}

async function ask(server, path, { body, secret, signal, ticket } = {}) {
  const url = serverAddress(server).http + path;
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), TIMEOUT_MS);
  const abort = () => giveUp.abort();
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  const headers = { ...body && { 'content-type': 'application/json' }, ...ticket && { authorization: `Bearer ${ticket}` } };
  // A header holds no text of every language.
  if (secret) headers['room-secret'] = encodeURIComponent(secret);
  const options = { headers, ...body && { method: 'POST', body: JSON.stringify(body) } };
  let status = 0;
  let words;
  try {
    const answer = await fetch(url, { ...options, signal: giveUp.signal });
    ({ status } = answer);
    if (answer.ok) return await answer.json();
    // A server of ours says what is wrong and what to do; a proxy before it may say anything.
    words = await answer.json().then(({ detail }) => detail).catch(() => undefined);
  } catch {
    status = 0;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
  throw new Refused(status, status ? words : undefined);
}

/**
 * The listed rooms, the fullest first: `[{code, game, players, seats}]`, of one game, with a free seat, or those of a
 * further page.
 */
export function rooms(server, { game, free, page, signal } = {}) {
  const wanted = Object.entries({ game, free: free && 1, page }).filter(([, value]) => value);
  return ask(server, `api/rooms?${new URLSearchParams(wanted)}`, { signal });
}

/** The room of a code: `{code, game, players, seats}`; a private one for those who have its secret. */
export const findRoom = (server, code, options) => ask(server, `api/rooms/${encodeURIComponent(code)}`, options);

/** A new room, which only its code leads to: `{code, game, invite}`. `game` is a name. */
export const createRoom = (server, game, { signal, ticket, ...rest } = {}) => ask(server, 'api/rooms', { body: { game, ...rest }, signal, ticket });

/** A room with people and a free seat: `{code, game}`. It is none of the rooms in `avoid`. */
export const match = (server, game, { signal, ticket, avoid = [] } = {}) => ask(server, 'api/match', { body: { game, avoid }, signal, ticket });
