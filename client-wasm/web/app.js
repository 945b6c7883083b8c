// The page: boots the client, moves between lobby and room, runs the frame, and shows errors. It decides nothing about
// the game or the connection; the client in WASM does.

import { Attract } from './attract.js';
import { keepAwake } from './awake.js';
import { Chat } from './chat.js';
import { games } from './games.js';
import { announce } from './live.js';
import { Lobby, secretIn, tidyCode } from './lobby.js';
import { Overlay } from './overlay.js';
import { Pad } from './pad.js';
import { Painter } from './painter.js';
import { blockAll } from './people.js';
import { query, server, setAddress, title } from './place.js';
import { Room } from './room.js';
import { mute, muted, play, stop } from './sound.js';
import { playerKey, recall, recallInTab, remember, rememberInTab } from './store.js';
import { answerTabs, borrowSeat } from './tabs.js';
import { open } from './tickwire.js';
import { BLOCKED, NO_SERVER, NOT_LOADED, OLD_BUILD, WAYS, noGame, quiet, refusal, repair } from './words.js';

const SAMPLE_MS = 100;
const SLOW_MS = 250;
const CONNECTING_MS = 700;
// A match whose seat somebody else took is replaced by another one so many times, without a word.
const REMATCHES_MAX = 3;
const SCRIPT_MS = 1000;
const ROOMY_PX = 880;

const $ = (id) => document.getElementById(id);
const link = {
  profile: query.get('profile') ?? '',
  latency_ms: Number(query.get('latency_ms')) || 0,
  jitter_ms: Number(query.get('jitter_ms')) || 0,
  stall_percent: Number(query.get('stall_percent')) || 0,
};
const aim = { x: 0, y: 0 };
const area = { x: 0, y: 0, w: 1, h: 1 };

let painter, attract, lobby, room, pad, overlay, chat;
// The room being played: {session, game, code, name, since, seen, repairing, warned, over}; null in the lobby.
// `session`: null until the game is loaded. `seen`: it has been connected. `over`: it was refused, and a card offers the
// next steps.
let visit = null;
let broken = false;
let lastSample = 0;
let lastSlow = 0;
let rematches = 0;
// Whether a person chooses, or the address has chosen: then the game of the lobby's picture is loaded.
let attended = query.has('game');
// The longest script of a recent frame, in milliseconds, and its time.
let scriptMs = 0;
let scriptAt = 0;

const stats = () => visit?.session?.stats() ?? { connected: false };

function boot() {
  window.tickwire = {
    session: null, client: null, memory: null, stats, ready: false, scriptMs: () => scriptMs,
    toPage: (x, y) => painter.toCanvas(x, y),
  };
  $('boot').hidden = true;
  if (!server) return card(NO_SERVER, false);
  painter = new Painter($('game'));
  attract = new Attract(painter);
  chat = new Chat({ onOpen: takeKeys, onPresence: () => room.refresh() });
  room = new Room(chat);
  pad = new Pad($('game'), { stick: $('stick'), buttons: $('buttons'), onTouch: () => { document.body.dataset.touch = ''; } });
  overlay = new Overlay((wanted) => visit?.session?.setLink(Object.assign(link, wanted)));
  overlay.showLink(link);
  lobby = new Lobby(enter, (game) => { if (!visit) attract.show(game, attended); }, chat);
  lobby.list(games, query.get('game'));
  wireUp();
  answerTabs(() => (visit?.seen && !visit.over && !visit.watch ? { code: visit.code, token: visit.session.token } : null));
  mute(recall('muted') === '1');
  showMute();
  for (const button of document.querySelectorAll('#lobby button')) button.disabled = false;
  window.tickwire.ready = true;
  requestAnimationFrame(frame);
  followHash();
  lobby.look();
}

/** Joins the room that the address names. A seat kept for this tab needs no request to the server first. */
async function followHash() {
  // A link into a party leads to the lobby.
  if (location.hash.startsWith('#party-')) return lobby.look();
  const code = tidyCode(location.hash);
  if (!code || visit?.code === code) return;
  const secret = secretIn(location.hash);
  const now = new URLSearchParams(location.search);
  const [game, watch] = [now.get('game'), now.has('watch')];
  if (watch && lobby.about(game)) enter({ game, code, via: 'code', watch: true, secret });
  else if (lobby.about(game) && recallInTab(`seat.${code}`)) enter({ game, code, via: 'code', secret });
  else await lobby.join(code, false, secret);
}

/**
 * Shows the room, loads its game, and joins. `secret` is that of a private room: an invitation after a dot, or a password
 * after an equals sign, as it is kept for a reload.
 */
async function enter({ game, code, via, watch = false, secret = recallInTab(`secret.${code}`) ?? '' }) {
  const about = lobby.about(game);
  if (!about) return lobby.say(noGame(game));
  leave();
  lobby.away();
  const mine = visit = { session: null, game, code, via, watch, secret, code_lost: 0, name: lobby.name, since: performance.now(), seen: false, repairing: false, warned: false, over: false };
  rememberInTab(`secret.${code}`, secret || null);
  const invitation = secret.startsWith('.') ? secret : '';
  setAddress(game, code + invitation, watch);
  lobby.choose(game);
  attract.stop();
  room.open(code, via, watch, lobby.hint(game), invitation);
  pad.label(about.buttons);
  pad.release();
  pad.active = !watch;
  document.body.dataset.screen = 'room';
  document.body.classList.toggle('watching', watch);
  document.title = `${about.title} ${code}`;
  $('game').setAttribute('aria-label', `${about.title}. ${lobby.hint(game)}`);
  $('game').focus({ preventScroll: true });
  measure();
  painter.clear();
  const token = watch ? null : recallInTab(`seat.${code}`);
  let session;
  try {
    session = await open({ server, game: await about.load(), code, name: mine.name, watch, token, secret: secret.slice(1) || undefined, link, key: playerKey() });
  } catch (error) {
    console.warn(error);
    if (visit !== mine) return;
    mine.over = true;
    return card(NOT_LOADED, true);
  }
  if (visit !== mine) return session.close();
  mine.session = session;
  const { client, memory } = session;
  Object.assign(window.tickwire, { session, client, memory });
  const { topics } = session;
  blockAll(topics);
  announce(topics);
  chat.attach(topics, `room/${code}`, 'Room', `room/${code}/presence`);
  overlay.offer(session.links);
  overlay.showLink(link);
  room.loaded((text) => session.qr(text));
  session.on('sound', play);
  session.on('silence', stop);
  session.on('notice', hear);
  if (!watch) keepAwake(true);
}

/** Gives up the connection, and with `free` the seat too. */
function leave(free = false) {
  if (!visit) return;
  const { session, code, watch } = visit;
  visit = null;
  chat.detach();
  Object.assign(window.tickwire, { session: null, client: null, memory: null });
  keepAwake(false);
  // A spectator may have a seat here from before.
  if (free && !watch) rememberInTab(`seat.${code}`, null);
  if (free) session?.leave();
  else session?.close();
}

function goToLobby(words = '') {
  const game = visit?.game ?? lobby.game;
  leave(true);
  pad.active = false;
  pad.release();
  overlay.toggle(false);
  document.body.dataset.screen = 'lobby';
  document.body.classList.remove('watching');
  document.title = title;
  setAddress(game, '');
  lobby.choose(game);
  lobby.say(words);
  lobby.look();
  $('quick').focus({ preventScroll: true });
}

function frame() {
  if (broken) return;
  requestAnimationFrame(frame);
  const now = performance.now();
  if (!visit) return attract.draw(now);
  if (painter.fit()) measure();
  const { session } = visit;
  if (!session) {
    if (now - lastSlow >= SLOW_MS) look(now);
    return;
  }
  const started = performance.now();
  const { x, y, pointX, pointY, aimed, buttons } = pad.poll();
  if (aimed) painter.toWorld(pointX, pointY, aim);
  session.controls(x, y, aim.x, aim.y, aimed, buttons);
  if (x || y || buttons) room.played();
  const scene = session.frame(now);
  // A notice may have ended the session.
  if (visit?.session !== session || !scene) return;
  painter.paint(scene, area);
  noteScript(performance.now() - started, now);
  if (now - lastSample >= SAMPLE_MS) {
    lastSample = now;
    overlay.sample(stats());
  }
  if (now - lastSlow >= SLOW_MS) look(now);
}

/** Keeps the longest script of about the last second. */
function noteScript(ms, now) {
  if (ms < scriptMs && now - scriptAt < SCRIPT_MS) return;
  scriptMs = ms;
  scriptAt = now;
}

/** Updates the parts that need no update in every frame. */
function look(now) {
  lastSlow = now;
  const current = stats();
  const { session } = visit;
  keepSeat();
  document.body.dataset.link = current.link ?? 'connecting';
  if (current.connected) {
    visit.seen = true;
    visit.repairing = false;
    rematches = 0;
    room.banner(quiet(current));
  } else if (session?.blocked) {
    room.banner(BLOCKED);
  } else if (visit.repairing && !visit.over) {
    room.banner(repair(visit.code_lost, current.tries));
  } else if (!visit.seen && !visit.repairing && !visit.over && now - visit.since > CONNECTING_MS) {
    room.banner(session ? 'Connecting…' : 'Loading the game…');
  }
  if (session) room.update(session, current, now);
}

function keepSeat() {
  // After a refusal the client still knows its last ticket, but that ticket is dead.
  const token = visit && !visit.over && !visit.watch && visit.session?.token;
  if (token) rememberInTab(`seat.${visit.code}`, token);
}

function hear({ kind, text, code }) {
  switch (kind) {
    case 'joined':
    case 'resumed':
      visit.seen = true;
      keepSeat();
      rememberInTab('reloaded', null);
      room.banner('');
      if (kind === 'joined' && text && text !== visit.name) room.toast(`${text} joined`);
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
      visit.repairing = true;
      visit.code_lost = code;
      look(performance.now());
      break;
    case 'old_build':
      renew(text);
      break;
    case 'reload':
      // A newer server comes with a newer page.
      if (!reloadOnce('reloaded')) refuse(code, text);
      break;
    case 'refused':
      refuse(code, text);
      break;
    case 'started':
      room.toast('A new match has begun');
      break;
    case 'room':
      room.refresh();
      break;
    case 'not_started':
      break;
    default:
      if (text) room.toast(text);
  }
}

/** Reloads the page, once for each reason: that shows whether reloading helps. False when it has not. */
function reloadOnce(reason) {
  if (recallInTab(reason)) return false;
  rememberInTab(reason, '1');
  // A browser that forbids storage would reload for ever.
  if (!recallInTab(reason)) return false;
  location.reload();
  return true;
}

/** The server was built from other sources than this page. If no newer page is to be had, people play with this one. */
function renew(serverBuild) {
  if (visit.warned || reloadOnce(`renewed.${visit.session.game.build}.${serverBuild}`)) return;
  visit.warned = true;
  room.warn(OLD_BUILD);
  measure();
}

/** The end of a session: shows the reason and the next steps. The last picture of the game stays behind the card. */
function refuse(code, words) {
  const { game, code: key, seen, via, watch, secret } = visit;
  // The seat of a match was promised to this page, and somebody was faster: that is not the player's business.
  if (code === 4004 && via === 'match' && !seen && rematches < REMATCHES_MAX) {
    rematches++;
    goToLobby();
    lobby.match();
    return;
  }
  visit.over = true;
  keepAwake(false);
  room.banner('');
  const back = { game, code: key, via: 'code', watch, secret };
  if (code === 4001 || code === 4002 || code === 4003 || code === 4012) rememberInTab(`seat.${key}`, null);
  card(refusal(code, key, seen, words), true, {
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
  chat?.toggle(false);
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
  const foot = visit?.watch ? $('foot') : touch.height && upright ? $('touch') : null;
  const below = foot ? innerHeight - foot.getBoundingClientRect().top + 12 : 8;
  Object.assign(area, { x: 8, y: top, w: innerWidth - 16 - beside, h: Math.max(innerHeight - top - below, 80) });
  document.body.style.setProperty('--under', `${listed}px`);
}

/** While the chat is open, keys are text: none of them is held any more. */
function takeKeys(open) {
  pad.release();
  if (!open && visit) $('game').focus({ preventScroll: true });
}

function showMute() {
  $('mute').setAttribute('aria-pressed', String(muted()));
}

function toggleMute() {
  mute(!muted());
  remember('muted', muted() ? '1' : null);
  showMute();
}

/** A person is about to choose and to play: from here on the lobby's picture is the chosen game. */
function attend() {
  if (attended) return;
  attended = true;
  const game = lobby.about(lobby.game);
  if (!visit && game) attract.show(game, true);
}

function wireUp() {
  $('leave').onclick = () => goToLobby();
  $('play').onclick = () => enter({ game: visit.game, code: visit.code, via: 'code', secret: visit.secret });
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
  addEventListener('hashchange', () => (visit ? location.reload() : followHash()));
  for (const sign of ['pointerover', 'focusin', 'pointerdown']) $('desk').addEventListener(sign, attend, { passive: true });
  addEventListener('pagehide', keepSeat);
  // Safari pinches and zooms on a double tap even where the style forbids it.
  for (const name of ['gesturestart', 'dblclick']) {
    document.addEventListener(name, (event) => { if (visit) event.preventDefault(); }, { passive: false });
  }
  addEventListener('error', ({ error }) => {
    if (!(error instanceof WebAssembly.RuntimeError) || broken) return;
    broken = true;
    keepAwake(false);
    card(['This page ran into an error', 'The game stopped here, but the room goes on. Your seat is kept for a while.', ['reload']], false);
  });
}

function shortcut(event) {
  if (!visit || event.repeat || event.ctrlKey || event.metaKey || event.altKey || $('card').open || $('qr').open) return;
  const key = event.key.toLowerCase();
  if (key === 'n') overlay.toggle();
  else if (key === 'm') toggleMute();
  else if (key === 'escape') overlay.toggle(false);
  else if (key === 'enter' && !event.target.closest('button, input')) {
    event.preventDefault();
    chat.show();
  }
}

boot();
