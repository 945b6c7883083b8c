// Close codes and HTTP failures in words for the player, each with the next steps.
// A next step is one of: again, watch, afresh, takeback, match, create, reload, lobby (always offered last).

const SERVER_AWAY = ['No answer from the server', 'It may be restarting, or your connection is down.', ['again']];

/** Title, text and next steps for a refusal. `seen`: this page was in the room before. `words`: the client's own. */
export function refusal(code, room, seen, words) {
  switch (code) {
    case 4001:
    case 4002:
      return ['Your seat is gone', `The ticket for your seat in ${room} is no longer valid. You can join as a new player.`, ['afresh']];
    case 4003:
      return seen
        ? ['This room has closed', `${room} is no longer there. Everyone left, its time was up, or the server was restarted.`, ['create', 'match']]
        : ['No room with that code', `${room} does not exist, has closed, or is private. Ask your friend for the code again, for the link or for the password.`, ['match']];
    case 4004:
      return ['This room is full', `Every seat in ${room} is taken, or its owner has locked it. Watch the game, try again when somebody leaves, or play elsewhere.`, ['watch', 'again', 'match']];
    case 4005:
      return ['You are playing in another tab', 'A seat belongs to one tab at a time, and the other tab has it now.', ['takeback']];
    case 4006:
      return ['Too many messages', 'This page sent more than the server accepts, so it was disconnected.', ['again']];
    case 4007:
      return ['Your connection fell behind', 'It could not keep up with the game, so the server closed it. Nobody else was slowed down.', ['again']];
    case 4009:
      return ['This page is out of date', `The server has another version, and reloading did not load it. Close the tab and open it again, or reload once more.${author(words)}`, ['reload']];
    case 4012:
      return ['You were removed', `The owner of ${room} has removed you, or you did nothing for very long.`, ['match', 'create']];
    case 1011:
      return ['The room failed', 'An error on the server ended this room. It was not your fault, and other rooms go on.', ['create', 'match']];
    case 1012:
      return ['The server is restarting', 'It will be back in a moment.', ['again']];
    case 1013:
      return ['The server is busy', 'It has no room for more players right now. Try again in a moment.', ['again']];
    case 1002: case 1003: case 1007: case 1008: case 1009: case 4000:
      return ['The server did not understand this page', 'Reloading usually helps.', ['reload']];
    default:
      return SERVER_AWAY;
  }
}

/** What a developer needs to know; players may skip it. */
const author = (words) => (words ? `\nFor the game's author: ${words}.` : '');

/** One calm line while the client reconnects, with the number of the try from the second on. */
export function repair(code, tries) {
  return tries > 1 ? `${reason(code)} Try ${tries}.` : reason(code);
}

function reason(code) {
  switch (code) {
    case 1011: return 'The room failed. Reconnecting…';
    case 1012: return 'The server is restarting. Your seat is kept.';
    case 1013: return 'The server is busy. Waiting for a free place…';
    case 4006: return 'The server asks for a moment. Reconnecting…';
    case 4007: return 'Your connection fell behind. Catching up…';
    case 4010: return 'The room is moving to another server…';
    case 4011: return 'This page and the server disagreed. Reconnecting…';
    default: return navigator.onLine ? 'Connection lost. Reconnecting…' : 'You are offline. Your seat is kept for a while.';
  }
}

/** One line while nothing arrives although the connection stands; empty while all is well. */
export function quiet({ link, silent_ms }) {
  if (link === 'offline') return 'You are offline. Your seat is kept for a while.';
  return link === 'silent' ? `No word from the server for ${Math.round(silent_ms / 1000)} s…` : '';
}

/** A game that does not load, and a page that names no server. */
// Only a reload helps: some browsers remember a script that did not arrive.
export const NOT_LOADED = ['The game could not be loaded', 'The connection broke, the game was just updated, or this browser cannot run WebAssembly.', ['reload']];
export const noGame = (game) => `This page does not have the game of that room, ${game}.${author('build the page together with the server, by `cargo tickwire build`')}`;
export const NO_SERVER = ['This page has no server', 'Its address names one that cannot be read. It looks like ?server=wss://play.example/', []];

/** Server and page were built from other sources, and a reload did not help. */
export const OLD_BUILD = 'The server has another version of this game than this page. You can play, but things may jump. Try a reload later.';

/** The page loads over this address, and a WebSocket does not open. */
export const BLOCKED = 'This address does not carry WebSocket connections. A proxy in front of the server may have to be told to.';

/** The line under the lobby's controls for a failed request; status 0 means no answer. `words`: those of the server. */
export function trouble(status, room, words) {
  if (status === 404) return room ? `No room has the code ${room}, or it needs a password. Ask your friend, or enter the password.` : `The server does not have this game.${author(words)}`;
  if (status === 403) return 'The server does not accept this page, because their addresses differ. A proxy may have to pass on the Host header, or the operator has to allow the page\'s origin.';
  if (status === 429) return 'Too many tries. Wait a few seconds.';
  if (status === 503) return 'The server is full or restarting. Try again in a moment.';
  return 'No answer from the server. Try again in a moment.';
}

/** The line in the place of messages that were lost. A server that began anew cannot count them. */
export const GAP = (lost) => (lost > 999 ? 'Some messages were lost' : lost > 1 ? `${lost} messages were lost` : '1 message was lost');

/** The people who are typing. */
export function typing(names) {
  if (names.length > 2) return 'Several people are typing…';
  return names.length ? `${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'} typing…` : '';
}

/** A line of chat that was not sent, by the server's word for the reason. */
export function refusedLine(why) {
  switch (why) {
    case 'rate': return 'Not sent: too many lines';
    case 'text': return 'Not sent: too long, or empty';
    case 'muted': return 'Not sent: you are muted';
    case 'blocked': return 'Not sent: this player does not want messages';
    default: return 'Not sent';
  }
}

/** The button labels of the next steps. */
export const WAYS = {
  again: 'Try again',
  watch: 'Watch',
  afresh: 'Join as a new player',
  takeback: 'Play here instead',
  match: 'Quick match',
  create: 'New room',
  reload: 'Reload',
  lobby: 'Back to the lobby',
};
