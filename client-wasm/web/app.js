// The page: boots the client, moves between lobby and room, runs the frame, and shows errors. It decides nothing about
// the game or the connection; the client in WASM does.

import init, * as wasm from './tickwire_client.js';
import { Attract } from './attract.js';
import { Painter } from './draw.js';
import { Lobby, tidyCode } from './lobby.js';
import { Wire } from './net.js';
import { Overlay } from './overlay.js';
import { Pad } from './pad.js';
import { Room } from './room.js';
import { mute, muted, play, stop } from './sound.js';
import { recallInTab, rememberInTab } from './store.js';
import { answerTabs, borrowSeat } from './tabs.js';
import { BLOCKED, WAYS, quiet, refusal, repair } from './words.js';

const HIDDEN_TICK_MS = 100;
const SAMPLE_MS = 100;
const SLOW_MS = 250;
const CONNECTING_MS = 700;
// A match whose seat somebody else took is replaced by another one so many times, without a word.
const REMATCHES_MAX = 3;
const SCRIPT_MS = 1000;
const ROOMY_PX = 880;

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const link = {
  profile: query.get('profile') ?? '',
  latency_ms: Number(query.get('latency_ms')) || 0,
  jitter_ms: Number(query.get('jitter_ms')) || 0,
  stall_percent: Number(query.get('stall_percent')) || 0,
};
const aim = { x: 0, y: 0 };
const area = { x: 0, y: 0, w: 1, h: 1 };

let painter, attract, lobby, room, pad, overlay;
// The room being played: {client, wire, game, code, name, since, seen, repairing, over}; null in the lobby.
// `seen`: it has been connected. `over`: it was refused, and a card offers the next steps.
let session = null;
let broken = false;
let lastSample = 0;
let lastSlow = 0;
let rematches = 0;
// The longest script of a recent frame, in milliseconds, and its time.
let scriptMs = 0;
let scriptAt = 0;

const stats = () => (session ? JSON.parse(session.client.stats()) : { connected: false });
const reachable = () => navigator.onLine && !document.hidden;

async function boot() {
  window.tickwire = {
    client: null, stats, ready: false, scriptMs: () => scriptMs,
    toPage: (x, y) => painter.toPage(x, y),
  };
  let memory;
  try {
    ({ memory } = await init());
  } catch {
    $('boot').hidden = true;
    return card(['The game could not be loaded', 'The connection broke, or this browser cannot run WebAssembly.', ['reload']], false);
  }
  window.tickwire.ready = true;
  painter = new Painter($('game'), memory);
  attract = new Attract(painter, wasm.Preview);
  room = new Room(wasm.qr);
  pad = new Pad($('game'), $('stick'), $('buttons'));
  overlay = new Overlay((wanted) => {
    const { profile, latency_ms, jitter_ms, stall_percent } = Object.assign(link, wanted);
    session?.client.set_link(profile, latency_ms, jitter_ms, stall_percent, performance.now());
  }, JSON.parse(wasm.profiles()));
  overlay.showLink(link);
  lobby = new Lobby(enter, (game) => { if (!session) attract.show(game); });
  lobby.list(JSON.parse(wasm.games()), query.get('game'));
  wireUp();
  answerTabs(() => session?.seen && !session.over && !session.watch ? { code: session.code, token: session.client.resume_token() } : null);
  showMute();
  for (const button of document.querySelectorAll('#lobby button')) button.disabled = false;
  $('boot').hidden = true;
  requestAnimationFrame(frame);
  followHash();
  lobby.look();
}

/** Joins the room that the address names. A seat kept for this tab needs no request to the server first. */
async function followHash() {
  const code = tidyCode(location.hash);
  if (!code || session?.code === code) return;
  const game = new URLSearchParams(location.search).get('game');
  const watch = new URLSearchParams(location.search).has('watch');
  if (watch && lobby.about(game)) enter({ game, code, via: 'code', watch: true });
  else if (lobby.about(game) && recallInTab(`seat.${code}`)) enter({ game, code, via: 'code' });
  else await lobby.join(code);
}

function enter({ game, code, via, watch = false }) {
  leave();
  const now = performance.now();
  const options = { game, code, name: lobby.name, resume: watch ? null : recallInTab(`seat.${code}`), watch, ...link, seed: crypto.getRandomValues(new Uint32Array(1))[0] };
  const client = new wasm.Client(JSON.stringify(options), now);
  session = { client, wire: new Wire(client), game, code, via, watch, code_lost: 0, name: options.name, since: now, seen: false, repairing: false, over: false };
  window.tickwire.client = client;
  setAddress(game, code, watch);
  lobby.choose(game);
  attract.stop();
  const about = lobby.about(game);
  room.open(code, via, watch, lobby.hint(game));
  pad.label(about?.buttons ?? []);
  pad.release();
  pad.active = !watch;
  document.body.dataset.screen = 'room';
  document.body.classList.toggle('watching', watch);
  document.title = `${about?.title ?? game} ${code}`;
  $('game').setAttribute('aria-label', `${about?.title ?? game}. ${lobby.hint(game)}`);
  $('game').focus({ preventScroll: true });
  measure();
  client.set_reachable(reachable(), now);
  client.set_hidden(document.hidden);
  session.wire.pump(now);
}

/** Gives up the connection, and with `free` the seat too. */
function leave(free = false) {
  if (!session) return;
  const { client, wire, code } = session;
  if (free) {
    client.leave();
    // A spectator may have a seat here from before.
    if (!session.watch) rememberInTab(`seat.${code}`, null);
  }
  wire.hangUp(performance.now());
  session = null;
  window.tickwire.client = null;
  client.free();
}

function goToLobby(words = '') {
  const game = session?.game ?? lobby.game;
  leave(true);
  pad.active = false;
  pad.release();
  overlay.toggle(false);
  document.body.dataset.screen = 'lobby';
  document.body.classList.remove('watching');
  document.title = 'Tickwire';
  setAddress(game, '');
  lobby.choose(game);
  lobby.say(words);
  lobby.look();
  $('quick').focus({ preventScroll: true });
}

/** `watch` stays in the address for a reload; a friend who opens the link watches too. */
function setAddress(game, code, watch = false) {
  const url = new URL(location.href);
  url.searchParams.set('game', game);
  if (watch) url.searchParams.set('watch', '1');
  else url.searchParams.delete('watch');
  url.hash = code;
  history.replaceState(null, '', url);
}

function frame() {
  if (broken) return;
  requestAnimationFrame(frame);
  const now = performance.now();
  if (!session) return attract.draw(now);
  if (painter.fit()) measure();
  const { client } = session;
  const started = performance.now();
  const { x, y, pageX, pageY, aimed, buttons } = pad.poll();
  if (aimed) painter.toWorld(pageX, pageY, aim);
  client.set_pad(x, y, aim.x, aim.y, aimed, buttons);
  if (x || y || buttons) room.played();
  advance(now);
  // A notice may have ended the session.
  if (session?.client !== client) return;
  client.draw(now);
  painter.paint(client, area);
  noteScript(performance.now() - started, now);
}

/** Keeps the longest script of about the last second. */
function noteScript(ms, now) {
  if (ms < scriptMs && now - scriptAt < SCRIPT_MS) return;
  scriptMs = ms;
  scriptAt = now;
}

function advance(now) {
  const { client, wire } = session;
  client.advance(now);
  wire.pump(now);
  for (let tone; (tone = client.poll_sound()) !== undefined;) play(tone);
  for (let id; (id = client.poll_silence()) !== undefined;) stop(id);
  for (let notice; (notice = client.poll_notice()) !== undefined;) {
    hear(JSON.parse(notice));
    if (session?.client !== client) return;
  }
  if (now - lastSample >= SAMPLE_MS) {
    lastSample = now;
    overlay.sample(stats());
  }
  if (now - lastSlow >= SLOW_MS) {
    lastSlow = now;
    look(now);
  }
}

/** Updates the parts that need no update in every frame. */
function look(now) {
  const current = stats();
  keepSeat();
  document.body.dataset.link = current.link;
  if (current.connected) {
    session.seen = true;
    session.repairing = false;
    rematches = 0;
    room.banner(quiet(current));
  } else if (session.wire.blocked) {
    room.banner(BLOCKED);
  } else if (session.repairing && !session.over) {
    room.banner(repair(session.code_lost, current.tries));
  } else if (!session.seen && !session.repairing && !session.over && now - session.since > CONNECTING_MS) {
    room.banner('Connecting…');
  }
  room.update(session.client.players(), current, now);
}

function keepSeat() {
  // After a refusal the client still knows its last ticket, but that ticket is dead.
  const token = !session.over && !session.watch && session.client.resume_token();
  if (token) rememberInTab(`seat.${session.code}`, token);
}

function hear({ kind, text, code }) {
  switch (kind) {
    case 'joined':
    case 'resumed':
      session.seen = true;
      keepSeat();
      rememberInTab('reloaded', null);
      room.banner('');
      if (kind === 'joined' && text && text !== session.name) room.toast(`${text} joined`);
      break;
    case 'left':
      room.toast(`${text} left`);
      break;
    case 'away':
      room.toast(`${text} lost the connection`);
      break;
    case 'returned':
      room.toast(`${text} is back`);
      break;
    case 'reconnecting':
      session.repairing = true;
      session.code_lost = code;
      look(performance.now());
      break;
    case 'reload':
      reloadOnce();
      break;
    case 'refused':
      if (code === 4009) reloadOnce();
      else refuse(code);
      break;
    default:
      if (text) room.toast(text);
  }
}

/** A newer server comes with a newer page; one reload shows whether reloading helps. */
function reloadOnce() {
  if (recallInTab('reloaded')) return refuse(4009);
  rememberInTab('reloaded', '1');
  location.reload();
}

/** The end of a session: shows the reason and the next steps. The last picture of the game stays behind the card. */
function refuse(code) {
  const { game, code: key, seen, via } = session;
  // The seat of a match was promised to this page, and somebody was faster: that is not the player's business.
  if (code === 4004 && via === 'match' && !seen && rematches < REMATCHES_MAX) {
    rematches++;
    goToLobby();
    lobby.match();
    return;
  }
  session.over = true;
  room.banner('');
  const back = { game, code: key, via: 'code', watch: session.watch };
  if (code === 4001 || code === 4002 || code === 4003) rememberInTab(`seat.${key}`, null);
  card(refusal(code, key, seen), true, {
    again: () => enter(back),
    watch: () => enter({ ...back, watch: true }),
    afresh: () => enter(back),
    takeback: async () => {
      const token = await borrowSeat(key);
      if (token) rememberInTab(`seat.${key}`, token);
      enter(back);
    },
  });
}

/** Shows title, text and next steps. Escape leads to the lobby. */
function card([title, text, ways], lobbyToo, acts = {}) {
  const all = {
    match: () => { goToLobby(); lobby.match(); },
    create: () => { goToLobby(); lobby.create(); },
    reload: () => location.reload(),
    lobby: () => goToLobby(),
    ...acts,
  };
  const dialog = $('card');
  $('card-title').textContent = title;
  $('card-text').textContent = text;
  $('card-actions').replaceChildren(...(lobbyToo ? [...ways, 'lobby'] : ways).map((way, i) => {
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: WAYS[way], className: i === 0 ? 'primary' : '' });
    button.onclick = () => {
      dialog.close();
      all[way]();
    };
    return button;
  }));
  dialog.oncancel = lobbyToo ? () => goToLobby() : (event) => event.preventDefault();
  if ($('qr').open) $('qr').close();
  if (!dialog.open) dialog.showModal();
}

/** The part of the window that the bar, an open overlay and, on an upright phone or for a spectator, the controls leave to the game. */
function measure() {
  const bar = $('bar').getBoundingClientRect().bottom;
  const panel = $('overlay').getBoundingClientRect();
  const touch = $('touch').getBoundingClientRect();
  const roomy = innerWidth >= ROOMY_PX;
  const upright = innerHeight > innerWidth;
  const listed = roomy ? bar : $('players').getBoundingClientRect().bottom + 8;
  const top = panel.height && !roomy && upright ? panel.bottom + 8 : Math.max(bar, listed);
  const beside = panel.width && roomy ? panel.width + 8 : 0;
  const foot = session?.watch ? $('foot') : touch.height && upright ? $('touch') : null;
  const below = foot ? innerHeight - foot.getBoundingClientRect().top + 12 : 8;
  Object.assign(area, { x: 8, y: top, w: innerWidth - 16 - beside, h: Math.max(innerHeight - top - below, 80) });
  document.body.style.setProperty('--under', `${listed}px`);
}

function showMute() {
  $('mute').setAttribute('aria-pressed', String(muted()));
}

function toggleMute() {
  mute(!muted());
  showMute();
}

function attend() {
  session?.client.set_hidden(document.hidden);
  session?.client.set_reachable(reachable(), performance.now());
}

function wireUp() {
  $('leave').onclick = () => goToLobby();
  $('play').onclick = () => enter({ game: session.game, code: session.code, via: 'code' });
  $('mute').onclick = toggleMute;
  for (const close of document.querySelectorAll('[data-close]')) close.onclick = () => close.closest('dialog').close();
  // A mouse click must not leave the focus on a button, where the next Space would press it again.
  $('room').addEventListener('click', ({ detail, target }) => {
    if (detail > 0 && !target.closest('input')) $('game').focus({ preventScroll: true });
  });
  const sizes = new ResizeObserver(measure);
  for (const id of ['players', 'touch', 'overlay']) sizes.observe($(id));
  addEventListener('keydown', shortcut);
  // For another room's link in the same tab a reload is the simplest way out of this room.
  addEventListener('hashchange', () => (session ? location.reload() : followHash()));
  addEventListener('online', attend);
  addEventListener('offline', attend);
  document.addEventListener('visibilitychange', attend);
  addEventListener('pagehide', () => session && keepSeat());
  // No frames run in a hidden tab; the session goes on all the same.
  setInterval(() => { if (document.hidden && session && !broken) advance(performance.now()); }, HIDDEN_TICK_MS);
  // Safari pinches and zooms on a double tap even where the style forbids it.
  for (const name of ['gesturestart', 'dblclick']) {
    document.addEventListener(name, (event) => { if (session) event.preventDefault(); }, { passive: false });
  }
  addEventListener('error', ({ error }) => {
    if (!(error instanceof WebAssembly.RuntimeError) || broken) return;
    broken = true;
    card(['This page ran into an error', 'The game stopped here, but the room goes on. Your seat is kept for a while.', ['reload']], false);
  });
}

function shortcut(event) {
  if (!session || event.repeat || event.ctrlKey || event.metaKey || event.altKey || $('card').open || $('qr').open) return;
  const key = event.key.toLowerCase();
  if (key === 'n') overlay.toggle();
  else if (key === 'm') toggleMute();
  else if (key === 'escape') overlay.toggle(false);
}

boot();
