// The operators' page: signs in, hears the server's figures, and moves between the overview and the panel of a room.
//
// The token is kept in this tab's storage alone. The address names the room that is open, so that it can be shared and the
// back button works.

import { Actions, Audit } from './actions.js';
import { $, mark, say } from './dom.js';
import { Feed } from './feed.js';
import { Shards, Tiles } from './figures.js';
import { RoomPanel, Rooms } from './rooms.js';
import { Verdict } from './verdict.js';
import { span } from './words.js';

const TOKEN = 'tickwire.operator';
/** Under this width the panel of a room covers the page. */
const narrow = matchMedia('(max-width: 899px)');
const COLOURS = { ok: '#6fd3c7', care: '#f5b352', bad: '#ff5a36' };

const feed = new Feed(showLink);
const actions = new Actions(feed);
const audit = new Audit();
const tiles = new Tiles();
const shards = new Shards();
const verdict = new Verdict();
const rooms = new Rooms((code) => { location.hash = code; });
const panel = new RoomPanel(feed, actions);
let overview = null;
let opened = null;

/** A browser that forbids storage forgets the token with the page. */
let token = null;
try { token = sessionStorage.getItem(TOKEN); } catch { /* it is asked for */ }

function keep(value) {
  token = value;
  try {
    if (value) sessionStorage.setItem(TOKEN, value);
    else sessionStorage.removeItem(TOKEN);
  } catch { /* it lasts as long as the page */ }
}

function start() {
  feed.hear('admin/overview', (body) => {
    overview = body;
    show();
  });
  feed.hear('admin/history', (body) => {
    tiles.take(body);
    if (overview) tiles.show(overview);
  });
  feed.hear('admin/rooms', (body) => {
    rooms.take(body);
    panel.expect(row(panel.code));
    judge();
  });
  feed.hear('admin/audit', (line, id) => audit.take(line, id));
  actions.guard($('announce'), 'announce', () => overview ?? {});
  actions.guard($('drain'), 'drain', () => overview ?? {});
  $('retry').onclick = () => feed.retry();
  $('sign').onclick = () => (token ? signOut() : askToken());
  $('sign-no').onclick = () => $('sign-in').close();
  $('sign-in').querySelector('form').onsubmit = signIn;
  $('room-close').onclick = closeRoom;
  addEventListener('hashchange', follow);
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && panel.code && !document.querySelector('dialog[open]')) closeRoom();
  });
  narrow.onchange = cover;
  feed.connect(token);
  follow();
}

function show() {
  const { server = {} } = overview;
  say($('about'), `${server.name ?? 'server'} ${server.version ?? ''}, up ${span(server.uptime_s)}`);
  tiles.show(overview);
  shards.show(overview);
  judge();
}

/** There is no verdict before both are known: it would be a better one than it should. */
function judge() {
  if (!overview || !rooms.rooms) return;
  const { words, level } = verdict.show(overview, rooms.rooms);
  const title = `${words} – Tickwire operations`;
  if (document.title !== title) document.title = title;
  const icon = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect x="2" y="2" width="12" height="12" rx="2" fill="${COLOURS[level]}"/></svg>`)}`;
  mark(document.querySelector('link[rel=icon]'), 'href', icon);
}

/** Says how the connection is, and who is signed in. */
function showLink() {
  const { state, operator } = feed;
  mark(document.body, 'data-link', state);
  say($('live'), { open: 'live', connecting: 'connecting', waiting: 'no connection', denied: 'signed out' }[state]);
  say($('who'), operator ? `${operator.name}, may ${operator.role === 'act' ? 'act' : 'look'}` : '');
  say($('sign'), token ? 'Sign out' : 'Sign in');
  $('link').hidden = state !== 'waiting';
  if (state === 'waiting') {
    const seconds = Math.ceil(feed.waitMs / 1000);
    say($('link').firstElementChild, `${feed.trouble || 'No connection to the server.'} What you see is old. Next attempt ${seconds > 1 ? `in ${seconds} s` : 'now'}.`);
    if (!overview) say($('verdict'), 'No connection');
  }
  if (state === 'denied') denied();
  actions.refresh();
}

function denied() {
  const wrong = token !== null;
  keep(null);
  // A token that was good until now: what it has shown does not stay.
  if (overview) return location.reload();
  say($('sign'), 'Sign in');
  say($('verdict'), 'Sign in to see how the server is');
  mark($('state'), 'data-level', null);
  askToken(feed.trouble || (wrong ? 'The server does not take this token.' : ''), wrong);
}

/** Without a token the server's words are no reproach: they may say how operators are set up. */
function askToken(words = '', isTrouble = false) {
  say($('sign-trouble'), words);
  mark($('sign-trouble'), 'class', isTrouble ? 'trouble' : 'hint');
  $('token').value = '';
  if (!$('sign-in').open) $('sign-in').showModal();
  $('token').focus();
}

function signIn(event) {
  event.preventDefault();
  keep($('token').value.trim());
  $('token').value = '';
  $('sign-in').close();
  feed.connect(token);
}

/** Nothing that was seen under the token stays in the page. */
function signOut() {
  keep(null);
  location.reload();
}

/** What the list of rooms has of a room. */
const row = (code) => rooms.rooms?.find((room) => room.code === code);

/** Opens the room that the address names. */
function follow() {
  const name = location.hash.slice(1);
  const isRoom = /^[A-Z0-9]{6}$/.test(name);
  if (isRoom && name !== panel.code) {
    opened = document.activeElement;
    panel.open(name, row(name));
  } else if (!isRoom && panel.code) {
    const { code } = panel;
    panel.close();
    cover();
    (opened?.isConnected && opened !== document.body ? opened : rooms.link(code))?.focus();
  }
  if (name.startsWith('state=')) {
    rooms.only(name.slice(6));
    $('rooms-title').focus();
    // Taken out of the address, the same link works again.
    forget();
  }
  rooms.current(panel.code);
  cover();
}

/** Leaves no entry of its own behind, so that the back button goes on to what was before. */
function closeRoom() {
  forget();
  follow();
}

function forget() {
  history.replaceState(null, '', location.pathname + location.search);
}

/** On a phone the panel covers the page, which then cannot be reached by the keyboard. */
function cover() {
  const isCovered = narrow.matches && panel.code !== null;
  for (const id of ['head', 'main', 'skip']) $(id).inert = isCovered;
  mark(document.body, 'data-room', panel.code ? '' : null);
}

start();
