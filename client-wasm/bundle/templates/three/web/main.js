// The page: players meet by a code or a quick match, and three.js draws what the game's module says. The rules, the
// prediction and the connection are in that module; the package `tickwire` drives it.

import * as THREE from 'three';
import game from './template_game.js';
import { Pad } from './pad.js';
import { play, stop } from './sound.js';
import { connect, createRoom } from './tickwire.js';
import { Island } from './island.js';

const SLOW_MS = 250;
const $ = (id) => document.getElementById(id);

const canvas = $('game');
const renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
const camera = new THREE.PerspectiveCamera(50, 1, 1, 2000);
const island = new Island();
const pad = new Pad(canvas, { stick: $('stick'), buttons: $('buttons'), onTouch: () => document.body.classList.add('touch') });
pad.label(game.buttons);

/** The room that is played, or null in the menu. */
let session = null;
// For the console, for tests, and for `cargo tickwire dev`, which brings a player back into play.
window.tickwire = { ready: false, get session() { return session; }, stats: () => session?.stats() ?? { connected: false } };

let looked = 0;
const eye = new THREE.Vector3(0, 150, 230);
const goal = new THREE.Vector3();
const target = new THREE.Vector3();

// --- Rooms -----------------------------------------------------------------------------------------------------------

/** Enters a room; without a code, a quick match finds one. */
async function enter(code) {
  $('trouble').textContent = 'Connecting…';
  try {
    session = await connect({ game, code, name: $('name').value.trim() || 'Player' });
  } catch (error) {
    $('trouble').textContent = error.message;
    return;
  }
  session.on('sound', play);
  session.on('silence', stop);
  session.on('notice', ({ kind, text }) => {
    if (kind === 'reload') location.reload();
    if (kind === 'refused') leave(text || 'The room is closed.');
  });
  history.replaceState(null, '', `#${session.code}`);
  $('room-code').textContent = session.code;
  show(true);
}

function leave(words = '') {
  session?.leave();
  session = null;
  island.clear();
  history.replaceState(null, '', location.pathname + location.search);
  $('trouble').textContent = words;
  show(false);
}

function show(isPlaying) {
  $('menu').hidden = isPlaying;
  $('room').hidden = !isPlaying;
  document.body.classList.toggle('playing', isPlaying);
  pad.active = isPlaying;
  if (isPlaying) canvas.focus();
}

$('hint').textContent = matchMedia('(pointer: coarse)').matches ? game.touch_hint : game.hint;
try { $('name').value = localStorage.getItem('name') ?? ''; } catch { /* a browser may forbid storage */ }
$('name').value ||= `Marble ${Math.floor(Math.random() * 90 + 10)}`;
$('name').onchange = () => { try { localStorage.setItem('name', $('name').value); } catch { /* as above */ } };
$('quick').onclick = () => enter();
$('leave').onclick = () => leave();
$('create').onclick = async () => {
  try {
    enter((await createRoom(undefined, game.name)).code);
  } catch (error) {
    $('trouble').textContent = error.message;
  }
};
$('join').onsubmit = (event) => {
  event.preventDefault();
  const code = $('code').value.toUpperCase().replace(/[^A-Z0-9]/g, '');
  if (code) enter(code);
};
if (location.hash.length > 1) enter(location.hash.slice(1));

// --- Frames ----------------------------------------------------------------------------------------------------------

function frame(now) {
  requestAnimationFrame(frame);
  const world = session && takePart(now);
  island.draw(world, session?.players() ?? [], now);
  follow(world, now);
  renderer.render(island.scene, camera);
  if (session && now - looked > SLOW_MS) {
    looked = now;
    look(world);
  }
}

/** Sends the controls, and gives the world as it is to be seen now. */
function takePart(now) {
  const { x, y, buttons } = pad.poll();
  session.input({ stick: { x, y }, boost: (buttons & 1) !== 0 });
  return session.world(now);
}

/** The camera keeps to one side, and to the marble of its player. */
function follow(world, now) {
  const mine = world ? world.marbles.columns.seat.subarray(0, world.marbles.count).indexOf(session.seat ?? -2) : -1;
  const far = innerWidth < innerHeight ? 1.5 : 1;
  if (mine < 0) {
    goal.set(Math.sin(now / 9000) * 250 * far, 130, Math.cos(now / 9000) * 250 * far);
    target.set(0, 0, 0);
  } else {
    const { at } = world.marbles.columns;
    goal.set(at.x[mine] * 0.75, 105 * far, at.y[mine] * 0.75 + 125 * far);
    target.set(at.x[mine] * 0.75, 6, at.y[mine] * 0.75);
  }
  eye.lerp(goal, mine < 0 ? 1 : 0.12);
  camera.position.copy(eye);
  camera.lookAt(target);
}

/** The parts of the page that need no update in every frame. */
function look(world) {
  const players = [...session.players()].sort((a, b) => b.score - a.score);
  $('players').replaceChildren(...players.map(({ name, color, score, me }) => {
    const row = Object.assign(document.createElement('li'), { className: me ? 'me' : '' });
    row.append(...[name, score].map((text) => Object.assign(document.createElement('span'), { textContent: text })));
    row.firstChild.style.color = color;
    return row;
  }));
  $('status').textContent = session.state === 'fine' ? `${Math.round(session.stats().rtt_ms)} ms` : session.state;
  $('words').textContent = world?.cheer_ticks > 0 && players[0] ? `${players[0].name} is king of the hill` : '';
}

function resize() {
  renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
  renderer.setSize(innerWidth, innerHeight, false);
  camera.aspect = innerWidth / innerHeight;
  camera.updateProjectionMatrix();
}
addEventListener('resize', resize);
resize();
requestAnimationFrame(frame);
window.tickwire.ready = true;
