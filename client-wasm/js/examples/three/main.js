// Arena, drawn with three.js from the typed world of the package `tickwire`. The rules, the prediction and the room are
// those of the ordinary page: both play together.

import * as THREE from 'three';
import { connect } from 'tickwire';
import { Pad } from 'tickwire/pad';
import arena from 'tickwire-arena';

const TEAMS = [0x4dd8ff, 0xff7a59, 0xb4f25c, 0xc38bff].map((rgb) => new THREE.Color(rgb));
/** Above this number of ticks until its rebirth a ship is a wreck. */
const SHIELD_TICKS = 45;
const SHIPS_MAX = 64;
const ROWS_MAX = 1024;

const $ = (id) => document.getElementById(id);
const canvas = document.querySelector('canvas');
const renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
const scene = new THREE.Scene();
const camera = new THREE.PerspectiveCamera(55, 1, 1, 6000);
const sun = new THREE.DirectionalLight(0xdde6ff, 2.2);
sun.position.set(-0.6, 1, -0.4);
scene.background = new THREE.Color(0x05070d);
scene.fog = new THREE.Fog(0x05070d, 900, 2600);
scene.add(sun, new THREE.HemisphereLight(0x8fa8e8, 0x2a1f30, 1.4), stars());

/** A sky all around and below. */
function stars() {
  const places = Float32Array.from({ length: 3 * 2400 }, () => (Math.random() - 0.5) * 7000);
  for (let i = 1; i < places.length; i += 3) places[i] = -200 - Math.abs(places[i]) * 0.4;
  const geometry = new THREE.BufferGeometry().setAttribute('position', new THREE.BufferAttribute(places, 3));
  return new THREE.Points(geometry, new THREE.PointsMaterial({ color: 0xdde6ff, size: 2.2, sizeAttenuation: false, transparent: true, opacity: 0.75, fog: false }));
}

/** A soft round light, to be coloured. */
function halo() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 64 });
  const ctx = canvas.getContext('2d');
  const fade = ctx.createRadialGradient(32, 32, 0, 32, 32, 32);
  for (const [at, alpha] of [[0, 1], [0.3, 0.45], [0.65, 0.12], [1, 0]]) fade.addColorStop(at, `rgb(255 255 255 / ${alpha})`);
  ctx.fillStyle = fade;
  ctx.fillRect(0, 0, 64, 64);
  return new THREE.CanvasTexture(canvas);
}

/** Many bodies of one shape; `put` places the next one of this frame. */
function crowd(geometry, material, max) {
  const mesh = new THREE.InstancedMesh(geometry, material, max);
  mesh.frustumCulled = false;
  mesh.setColorAt(0, TEAMS[0]);
  scene.add(mesh);
  const [body, matrix] = [new THREE.Object3D(), new THREE.Matrix4()];
  return {
    begin() { mesh.count = 0; },
    put(x, y, height, size, turn, color) {
      if (mesh.count === max) return;
      body.position.set(x, height, y);
      body.rotation.set(0, -turn, 0);
      body.scale.setScalar(size);
      body.updateMatrix();
      mesh.setMatrixAt(mesh.count, matrix.copy(body.matrix));
      mesh.setColorAt(mesh.count++, color);
    },
    end() {
      mesh.instanceMatrix.needsUpdate = true;
      mesh.instanceColor.needsUpdate = true;
    },
  };
}

const hull = new THREE.ConeGeometry(9, 30, 4).rotateZ(-Math.PI / 2).scale(1, 0.55, 1.25);
const solid = (rest) => new THREE.MeshStandardMaterial({ roughness: 0.7, flatShading: true, ...rest });
const light = (rest) => new THREE.MeshBasicMaterial({ transparent: true, blending: THREE.AdditiveBlending, depthWrite: false, ...rest });
const bodies = {
  ships: crowd(hull, solid({ metalness: 0.1, roughness: 0.5, emissive: 0x222222 }), SHIPS_MAX),
  shields: crowd(new THREE.IcosahedronGeometry(22, 2), light({ opacity: 0.22 }), SHIPS_MAX),
  flames: crowd(new THREE.ConeGeometry(5, 26, 6).rotateZ(Math.PI / 2).translate(-24, 0, 0), light({ opacity: 0.8 }), SHIPS_MAX),
  halos: crowd(new THREE.PlaneGeometry(2, 2).rotateX(-Math.PI / 2), light({ map: halo() }), 2 * ROWS_MAX),
  shots: crowd(new THREE.CapsuleGeometry(2.2, 16, 3, 6).rotateZ(Math.PI / 2), light({}), ROWS_MAX),
  rocks: crowd(new THREE.IcosahedronGeometry(1, 1), solid({}), ROWS_MAX),
  debris: crowd(new THREE.DodecahedronGeometry(11), solid({}), ROWS_MAX),
  items: crowd(new THREE.OctahedronGeometry(12), solid({ emissive: 0x333333, metalness: 0.4 }), ROWS_MAX),
};
const STONE = new THREE.Color(0x767c94);
const GIFTS = [0x9be36a, 0xffd166, 0x9fb4d8].map((rgb) => new THREE.Color(rgb));
let ground = null;

/** The floor and its walls, once the size of the world is known. */
function layOut({ x, y }) {
  if (ground?.userData.x === x && ground.userData.y === y) return;
  scene.remove(ground);
  ground = new THREE.Group();
  ground.userData = { x, y };
  const floor = new THREE.Mesh(new THREE.PlaneGeometry(x, y).rotateX(-Math.PI / 2), new THREE.MeshStandardMaterial({ color: 0x10182c, roughness: 1, transparent: true, opacity: 0.88 }));
  floor.position.set(x / 2, -16, y / 2);
  const lines = [];
  for (let at = 0; at <= x; at += 100) lines.push(at, -15, 0, at, -15, y);
  for (let at = 0; at <= y; at += 100) lines.push(0, -15, at, x, -15, at);
  const grid = new THREE.BufferGeometry().setAttribute('position', new THREE.Float32BufferAttribute(lines, 3));
  ground.add(floor, new THREE.LineSegments(grid, new THREE.LineBasicMaterial({ color: 0x4a66ad, transparent: true, opacity: 0.55 })));
  for (const [width, depth, cx, cy] of [[x, 6, x / 2, 0], [x, 6, x / 2, y], [6, y, 0, y / 2], [6, y, x, y / 2]]) {
    const wall = new THREE.Mesh(new THREE.BoxGeometry(width, 30, depth), new THREE.MeshBasicMaterial({ color: 0x6fd3c7, transparent: true, opacity: 0.35 }));
    wall.position.set(cx, 0, cy);
    ground.add(wall);
  }
  scene.add(ground);
}

const eye = new THREE.Vector3(0, 300, 300);
const target = new THREE.Vector3();
/** The camera stays behind and above the player's own ship; a spectator sees everything. */
function follow(world, mine) {
  const { at } = world.ships.columns;
  const [x, y] = mine < 0 ? [world.size.x / 2, world.size.y / 2] : [at.x[mine], at.y[mine]];
  const height = mine < 0 ? Math.max(world.size.x, world.size.y) : innerWidth > innerHeight ? 340 : 520;
  target.set(x, 0, y - height * 0.12);
  eye.set(x, height, y + height * 0.75);
  camera.position.copy(eye);
  camera.lookAt(target);
}

function draw(world, mine) {
  for (const body of Object.values(bodies)) body.begin();
  const { ships, shots, rocks, debris, items } = world;
  const [ship, shot, rock, stone, item] = [ships.columns, shots.columns, rocks.columns, debris.columns, items.columns];
  for (let i = 0; i < ships.count; i++) {
    if (ship.rebirth_ticks[i] > SHIELD_TICKS) continue;
    const [x, y, nose, color] = [ship.at.x[i], ship.at.y[i], ship.nose[i], TEAMS[ship.team[i]]];
    bodies.ships.put(x, y, 0, 1, nose, ship.flash_ticks[i] > 0 ? WHITE : color);
    const push = Math.hypot(ship.push.x[i], ship.push.y[i]);
    if (push > 0) bodies.flames.put(x, y, 0, 0.5 + push * 0.5, Math.atan2(ship.push.y[i], ship.push.x[i]), color);
    if (ship.rebirth_ticks[i] > 0) bodies.shields.put(x, y, 0, 1, 0, color);
    bodies.halos.put(x, y, -10, 52, 0, color);
  }
  for (let i = 0; i < shots.count; i++) {
    bodies.halos.put(shot.at.x[i], shot.at.y[i], 0, 20, 0, TEAMS[shot.team[i]]);
    bodies.shots.put(shot.at.x[i], shot.at.y[i], 0, 1, Math.atan2(shot.velocity.y[i], shot.velocity.x[i]), WHITE);
  }
  for (let i = 0; i < rocks.count; i++) bodies.rocks.put(rock.at.x[i], rock.at.y[i], -8, rock.radius[i], rocks.ids[i], STONE);
  for (let i = 0; i < debris.count; i++) if (stone.hp[i] > 0) bodies.debris.put(stone.at.x[i], stone.at.y[i], 0, 1, stone.at.x[i] * 0.02, STONE);
  for (let i = 0; i < items.count; i++) {
    if (!item.is_there[i]) continue;
    bodies.items.put(item.at.x[i], item.at.y[i], 6, 1, performance.now() / 700, GIFTS[item.gift[i]]);
    bodies.halos.put(item.at.x[i], item.at.y[i], -10, 40, 0, GIFTS[item.gift[i]]);
  }
  for (const body of Object.values(bodies)) body.end();
  layOut(world.size);
  follow(world, mine);
  $('health').firstElementChild.style.transform = `scaleX(${mine < 0 ? 0 : ship.hp[mine] / 100})`;
  renderer.render(scene, camera);
  label(ships);
}
const WHITE = new THREE.Color(0xffffff);

const tags = new Map();
const spot = new THREE.Vector3();
/** Names over the ships of others. */
function label({ count, columns: { at, seat, rebirth_ticks } }) {
  for (const tag of tags.values()) tag.hidden = true;
  for (let i = 0; i < count; i++) {
    const player = listed?.find((other) => other.seat === seat[i]);
    if (!player || player.me || rebirth_ticks[i] > SHIELD_TICKS) continue;
    let tag = tags.get(player.seat);
    if (!tag) {
      tags.set(player.seat, tag = Object.assign(document.createElement('span'), { className: 'tag' }));
      document.body.append(tag);
    }
    spot.set(at.x[i], 24, at.y[i]).project(camera);
    tag.hidden = Math.abs(spot.x) > 1 || Math.abs(spot.y) > 1 || spot.z > 1;
    if (tag.textContent !== player.name) tag.textContent = player.name;
    tag.style.color = player.color;
    tag.style.transform = `translate(${((spot.x + 1) / 2) * innerWidth}px, ${((1 - spot.y) / 2) * innerHeight}px) translate(-50%, -100%)`;
  }
}

const ray = new THREE.Raycaster();
const floorPlane = new THREE.Plane(new THREE.Vector3(0, 1, 0), 0);
const hit = new THREE.Vector3();
/** The place in the world under the pointer. */
function aimed({ pointX, pointY }) {
  ray.setFromCamera(new THREE.Vector2((pointX / innerWidth) * 2 - 1, 1 - (pointY / innerHeight) * 2), camera);
  return ray.ray.intersectPlane(floorPlane, hit) ? { x: hit.x, y: hit.z } : null;
}

let listed = null;
function list(players) {
  if (players === listed) return;
  listed = players;
  $('players').replaceChildren(...[...players].sort((a, b) => b.score - a.score).slice(0, 8).map(({ name, color, score, me }) => {
    const row = Object.assign(document.createElement('li'), { className: me ? 'me' : '' });
    row.append(...[name, score].map((text) => Object.assign(document.createElement('span'), { textContent: text })));
    row.firstChild.style.color = color;
    return row;
  }));
}

function resize() {
  renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
  renderer.setSize(innerWidth, innerHeight, false);
  camera.aspect = innerWidth / innerHeight;
  camera.updateProjectionMatrix();
}
addEventListener('resize', resize);
resize();

const pad = new Pad(canvas, { stick: $('stick'), buttons: $('buttons'), onTouch: () => document.body.classList.add('touch') });
pad.label(arena.buttons);
pad.active = true;

// The server from the address, such as ?server=ws://127.0.0.1:8080, and the room after the #; without one, a match.
const server = new URLSearchParams(location.search).get('server');
const session = await connect({ server, game: arena, code: location.hash.slice(1), name: 'Three' })
  .catch((error) => { $('status').textContent = error.message; throw error; });
location.hash = session.code;
// For the console.
window.session = session;

let slow = 0;
renderer.setAnimationLoop(() => {
  const now = performance.now();
  const controls = pad.poll();
  // With a finger the ship shoots where it flies.
  const aim = controls.aimed && !document.body.classList.contains('touch') ? aimed(controls) : null;
  session.input({ stick: { x: controls.x, y: controls.y }, aim, fire: (controls.buttons & 1) !== 0 });
  const world = session.world(now);
  if (!world) return;
  draw(world, world.ships.columns.seat.subarray(0, world.ships.count).indexOf(session.seat ?? -2));
  if (now - slow < 250) return;
  slow = now;
  list(session.players());
  $('status').textContent = session.state === 'fine' ? `${session.code} · ${Math.round(session.stats().rtt_ms)} ms` : session.state;
});
