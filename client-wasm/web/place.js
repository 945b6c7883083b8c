// Where this page is, and where its server is: the page's own folder, unless the page was built for another server.

import { serverAddress } from './tickwire.js';

const { server: built, serverChoice } = document.documentElement.dataset;

/** The name of the page: a game of one's own has its own. */
export const title = document.title;

export const query = new URLSearchParams(location.search);

/** The address of the server's API; `null` when the page's address names none. */
export const server = (() => {
  try {
    // Only a page that was built to believe it lets its address choose the server.
    return serverAddress((serverChoice !== undefined && query.get('server')) || built).http;
  } catch {
    return null;
  }
})();

/** Puts game and code into the address, and the invitation of a private room behind the code: no server sees it there. `watch` stays there for a reload; a friend who opens the link watches too. */
export function setAddress(game, code, watch = false) {
  const url = new URL(location.href);
  url.searchParams.set('game', game);
  if (watch) url.searchParams.set('watch', '1');
  else url.searchParams.delete('watch');
  url.hash = code;
  try {
    history.replaceState(null, '', url);
  } catch { /* a sandboxed frame may not change its address: it has no reload to care for either */ }
}
