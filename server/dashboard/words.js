// Numbers with their units, and words for states, close codes and reasons.

const grouped = new Intl.NumberFormat('en');
const scaled = (n, units, step) => {
  let at = 0;
  while (n >= step && at < units.length - 1) {
    n /= step;
    at += 1;
  }
  return `${at && n < 9.95 ? n.toFixed(1) : Math.round(n)} ${units[at]}`;
};

export const isKnown = (n) => n !== null && n !== undefined;
/** A figure that the server does not know is a dash. */
const known = (show) => (n) => (isKnown(n) ? show(n) : '–');
export const count = known((n) => grouped.format(Math.round(n)));
export const bytes = known((n) => scaled(n, ['B', 'kB', 'MB', 'GB'], 1000));
export const bytesPerSecond = known((n) => `${bytes(n)}/s`);
export const percent = known((n) => `${Math.round(n)} %`);
/** From one figure to another; a unit that both have is named once. */
export function between(show, least, greatest) {
  const [a, b] = [show(least), show(greatest)];
  if (a === b) return a;
  const [number, unit] = a.split(' ');
  return `${unit && b.endsWith(` ${unit}`) ? number : a} – ${b}`;
}

/** A short time in microseconds. */
export const micros = known((n) => scaled(n, ['µs', 'ms', 's'], 1000));
/** Words of the server as a sentence. */
export const sentence = (words) => words.replace(/^./, (first) => first.toUpperCase()).replace(/[^.]$/, '$&.');
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
export const list = (all) => (all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`);

/** A long time in seconds, in its two largest units. */
export function span(seconds) {
  const s = Math.max(Math.round(seconds ?? 0), 0);
  if (s < 60) return `${s} s`;
  const parts = [[Math.floor(s / 86_400), 'd'], [Math.floor(s / 3600) % 24, 'h'], [Math.floor(s / 60) % 60, 'min']];
  return parts.filter(([n]) => n).slice(0, 2).map(([n, unit]) => `${n} ${unit}`).join(' ');
}

/** The time of day. */
export const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB');

/** How bad a state of a room is; what is not known is as bad as lagging. */
const RANKS = { ok: 0, lagging: 1, flood: 2, slow: 3, desync: 4 };
export const rank = (state) => RANKS[state] ?? 1;
/** The levels of trouble: `ok`, `care` and `bad`. */
export const level = (state) => ['ok', 'care', 'bad', 'bad', 'bad'][rank(state)];
export const stateWord = (state) => (state === 'ok' ? 'well' : String(state));

/** What a room is or does, after its name. */
export const predicate = (state) => ({
  ok: 'is well', slow: 'is slow', desync: 'has a desync', flood: 'is flooded', lagging: 'has a member that lags',
})[state] ?? `is ${state}`;

/** The time that a tick may take, in microseconds: the room's limit, or at the most the time until the next one. */
export const budget = (room) => room.turn_us?.limit ?? 1e6 / Math.max(room.rate_hz ?? 30, 1);

const pace = (room) => `ticks take ${micros(room.turn_us?.p99)} of ${micros(budget(room))}`;

/** The figure behind a room's state. */
export function evidence(room) {
  switch (room.state) {
    case 'slow': return `${room.is_slow_lane ? 'in the slow lane, ' : ''}${pace(room)}`;
    case 'desync': return `${plural(room.desyncs, 'desync')} in a minute`;
    case 'flood': return `${plural(room.flood, 'refusal')} in a minute`;
    case 'lagging': return `${count(room.superseded_s)} snapshots a second replaced before they were sent`;
    default: return pace(room);
  }
}

/** What a state means, and what to do about it. */
export function advice(room) {
  const figure = `${evidence(room)}.`;
  switch (room.state) {
    case 'slow': return `At the slowest, ${pace(room)}. ${room.is_slow_lane ? 'The room runs in the slow lane, where it holds up no other room.' : 'If that lasts, it moves to the slow lane.'} Closing it gives its time back.`;
    case 'desync': return `Clients and the server disagreed: ${figure} The autopsies below name the field and both values. If it is one seat again and again, kick it.`;
    case 'flood': return `The limits hold: ${figure} A client sends more than it may, and is disconnected for that. The log below has more; ban it if it comes back.`;
    case 'lagging': return `A client cannot keep up: ${figure} Its seat has the most unacknowledged snapshots. Nobody else waits for it.`;
    default: return room.players || room.spectators ? `All is well: ${figure}` : 'Nobody is in the room, so that it does not tick.';
  }
}

const NOT_READY = {
  draining: 'it is stopping', rooms: 'there are as many rooms as there may be', memory: 'memory is used up',
  work: 'no shard has time for another room',
};
export const reasonWords = (reason) => NOT_READY[reason] ?? reason;

const CLOSES = {
  1000: 'the player left', 1001: 'the page went away', 1002: 'broken frames', 1003: 'text on the binary protocol',
  1006: 'the connection broke', 1007: 'text that is not UTF-8', 1008: 'a flood of control frames', 1009: 'a message too big',
  1011: 'the room failed', 1012: 'restart', 1013: 'overloaded', 4000: 'malformed message', 4001: 'no good ticket',
  4002: 'ticket used before', 4003: 'no such room', 4004: 'full or locked', 4005: 'played from a newer connection',
  4006: 'too many messages', 4007: 'could not keep up', 4008: 'silent for too long', 4009: 'another version',
  4010: 'the room has moved', 4011: 'worlds kept differing', 4012: 'removed',
};
export const closeWords = (code) => CLOSES[code] ?? 'another reason';

const ADDRESSES = { 'public v4': 'public IPv4', 'public v6': 'public IPv6', private: 'local network', loopback: 'this machine', exempt: 'exempt address' };
export const addressWords = (kind) => ADDRESSES[kind] ?? kind;

const REFUSALS = {
  rate: 'too many attempts', origin: 'a page of another origin', pending: 'too many unfinished handshakes',
  full: 'no place left', auth: 'no good ticket or token',
};
export const refusalWords = (reason) => REFUSALS[reason] ?? reason;

const VERBS = {
  kick: ['kicked', 'kick'], ban: ['banned', 'ban'], close: ['closed', 'close'], announce: ['announced', 'announce'],
  drain: ['drained the server', 'drain the server'], lock: ['locked', 'lock'], unlock: ['unlocked', 'unlock'],
};

/** An action of the audit, as a sentence without its end. */
export function deed({ operator, action, room, seat, name, detail, outcome }) {
  const isRefused = outcome === 'refused';
  const [did, wanted] = VERBS[action === 'lock' && detail?.endsWith('unlocked') ? 'unlock' : action] ?? [action, action];
  const whom = name || (isKnown(seat) ? `seat ${seat}` : '');
  const words = [operator || 'somebody', isRefused ? `tried to ${wanted}` : did, whom, whom && room ? 'in' : '', room];
  if (detail && isRefused) words.push(`(${detail})`);
  else if (action === 'announce') words.push(`“${detail}”`);
  return words.filter(Boolean).join(' ');
}
