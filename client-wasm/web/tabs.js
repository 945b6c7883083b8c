// The other tabs of this browser: which rooms they play in, and a seat that one of them lends to this one.
// A browser without BroadcastChannel has no other tabs, as far as this page is concerned.

import { server } from './place.js';

const BORROW_MS = 250;

/** So many rooms to avoid may be named in a request for a match. */
const AVOID_MAX = 16;

const channel = window.BroadcastChannel && new BroadcastChannel(`tickwire ${server}`);
// Called with the answers of other tabs, while a question is open.
let lent = null;
let playing = null;

/** Answers other tabs from `seat()`: `{code, token}` of the room that this tab plays in, or null. */
export function answerTabs(seat) {
  if (!channel) return;
  channel.onmessage = ({ data: { ask, askPlaying, code, token, plays } }) => {
    const own = ask || askPlaying ? seat() : null;
    if (ask && own?.code === ask) channel.postMessage({ code: ask, token: own.token });
    else if (askPlaying && own) channel.postMessage({ plays: own.code });
    else if (token) lent?.(code, token);
    else if (plays) playing?.push(plays);
  };
}

/** The token of a seat that another tab has; null when none answers. Each use of a token makes a new one, so the tab
 * that took over a seat has the only valid one. */
export function borrowSeat(wanted) {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), BORROW_MS);
    lent = (code, token) => { if (code === wanted) resolve(token); };
    channel?.postMessage({ ask: wanted });
  });
}

/** The codes of the rooms that other tabs play in, as far as they answer within `ms`. */
export function playingElsewhere(ms) {
  return new Promise((resolve) => {
    const codes = playing = [];
    setTimeout(() => resolve([...new Set(codes)].slice(0, AVOID_MAX)), ms);
    channel?.postMessage({ askPlaying: true });
  });
}
