// The island, the marbles and the sky, in three.js. Nothing here decides anything: it shows the world that it is given.

import * as THREE from 'three';

// The shape of the island, as in `src/lib.rs`.
const ISLAND = 120;
const [HILL, MOAT] = [{ height: 30, width: 30 }, { depth: 8, from: 76, width: 18 }];
const TOP = 15;
const RADIUS = 6;

const bell = (part) => Math.exp(-part * part);
const height = (r) => HILL.height * bell(r / HILL.width) - MOAT.depth * bell((r - MOAT.from) / MOAT.width);

export class Island {
  scene = new THREE.Scene();
  #marbles = new Map();
  #crown;
  #light;

  constructor() {
    const sky = new THREE.Color(0x8fc7ff);
    this.scene.background = sky;
    this.scene.fog = new THREE.Fog(sky, 260, 720);
    const sun = new THREE.DirectionalLight(0xfff1d6, 2.4);
    sun.position.set(-0.7, 1, 0.5);
    this.scene.add(sun, new THREE.HemisphereLight(0xcfe6ff, 0x4a5a3a, 1.5), ground(), underside(), clouds());
    this.#crown = new THREE.Mesh(new THREE.TorusGeometry(TOP, 0.7, 8, 48).rotateX(Math.PI / 2), new THREE.MeshStandardMaterial({ color: 0xffcf4a, emissive: 0x7a5a00 }));
    this.#crown.position.y = height(TOP) + 0.8;
    this.#light = new THREE.Mesh(new THREE.CylinderGeometry(TOP, TOP, 90, 32, 1, true), new THREE.MeshBasicMaterial({ transparent: true, opacity: 0.16, side: THREE.DoubleSide, depthWrite: false }));
    this.#light.position.y = height(0) + 36;
    this.scene.add(this.#crown, this.#light);
  }

  /** Shows a world, or the empty island without one. */
  draw(world, players, now) {
    const king = world ? this.#place(world.marbles, players, now) : null;
    this.#light.visible = king !== null;
    if (king) this.#light.material.color.set(king);
    this.#crown.scale.setScalar(1 + 0.03 * Math.sin(now / 300));
  }

  clear() {
    for (const { body } of this.#marbles.values()) this.scene.remove(body);
    this.#marbles.clear();
  }

  /** Puts each marble in its place, and gives the colour of the one that is alone on top. */
  #place({ count, ids, columns: { at, velocity, fall_ticks, seat } }, players, now) {
    const seen = new Set();
    const onTop = [];
    for (let i = 0; i < count; i++) {
      const color = players.find((player) => player.seat === seat[i])?.color ?? '#ffffff';
      const marble = this.#marble(ids[i], color);
      seen.add(ids[i]);
      const [x, y, falls] = [at.x[i], at.y[i], fall_ticks[i]];
      const r = Math.hypot(x, y);
      if (falls === 0 && r < TOP) onTop.push(color);
      marble.body.position.set(x, height(Math.min(r, ISLAND)) + RADIUS - falls * falls * 0.018, y);
      roll(marble, velocity.x[i], velocity.y[i], now);
    }
    for (const [id, { body }] of this.#marbles) {
      if (seen.has(id)) continue;
      this.scene.remove(body);
      this.#marbles.delete(id);
    }
    return onTop.length === 1 ? onTop[0] : null;
  }

  #marble(id, color) {
    let marble = this.#marbles.get(id);
    if (marble?.color !== color) {
      if (marble) this.scene.remove(marble.body);
      const material = new THREE.MeshStandardMaterial({ map: stripes(color), roughness: 0.25, metalness: 0.1 });
      marble = { color, since: 0, body: new THREE.Mesh(new THREE.SphereGeometry(RADIUS, 32, 24), material) };
      this.scene.add(marble.body);
      this.#marbles.set(id, marble);
    }
    return marble;
  }
}

const axis = new THREE.Vector3();
const turn = new THREE.Quaternion();
/** Turns a marble by the way that it went since the last frame; speeds are in units per tick of 1/60 s. */
function roll(marble, x, y, now) {
  const ticks = Math.min((now - marble.since) / (1000 / 60), 6);
  marble.since = now;
  const speed = Math.hypot(x, y);
  if (speed < 0.01) return;
  axis.set(y / speed, 0, -x / speed);
  marble.body.quaternion.premultiply(turn.setFromAxisAngle(axis, (speed * ticks) / RADIUS));
}

/** The colour of a player with white stripes, so that it shows when a marble rolls. */
function stripes(color) {
  const canvas = Object.assign(document.createElement('canvas'), { width: 128, height: 64 });
  const ctx = canvas.getContext('2d');
  ctx.fillStyle = color;
  ctx.fillRect(0, 0, 128, 64);
  ctx.fillStyle = 'rgb(255 255 255 / 85%)';
  for (let x = 0; x < 128; x += 32) ctx.fillRect(x, 0, 9, 64);
  const texture = new THREE.CanvasTexture(canvas);
  texture.colorSpace = THREE.SRGBColorSpace;
  return texture;
}

/** The grass: green, darker in the moat, golden on top. */
function ground() {
  const geometry = new THREE.RingGeometry(0.01, ISLAND, 96, 60).rotateX(-Math.PI / 2);
  const places = geometry.attributes.position;
  const [low, mid, high] = [0x2e6f54, 0x5aa85a, 0xe6d27a].map((rgb) => new THREE.Color(rgb));
  const colors = [];
  const color = new THREE.Color();
  for (let i = 0; i < places.count; i++) {
    const r = Math.hypot(places.getX(i), places.getZ(i));
    const h = height(r);
    places.setY(i, h);
    if (h < 0) color.lerpColors(mid, low, -h / MOAT.depth);
    else color.lerpColors(mid, high, h / HILL.height);
    // Rings make it easier to see how steep the hill is.
    color.multiplyScalar(Math.floor(r / 6) % 2 ? 1 : 0.93);
    colors.push(color.r, color.g, color.b);
  }
  geometry.setAttribute('color', new THREE.Float32BufferAttribute(colors, 3));
  geometry.computeVertexNormals();
  return new THREE.Mesh(geometry, new THREE.MeshStandardMaterial({ vertexColors: true, roughness: 0.95 }));
}

function underside() {
  const geometry = new THREE.ConeGeometry(ISLAND, 110, 40, 6, true).rotateX(Math.PI);
  const rock = new THREE.Mesh(geometry, new THREE.MeshStandardMaterial({ color: 0x6b5a4a, roughness: 1, flatShading: true, side: THREE.DoubleSide }));
  rock.position.y = -55 + height(ISLAND);
  return rock;
}

function clouds() {
  const group = new THREE.Group();
  const material = new THREE.MeshStandardMaterial({ color: 0xffffff, emissive: 0x8899aa, roughness: 1, transparent: true, opacity: 0.85 });
  const puff = new THREE.IcosahedronGeometry(1, 3);
  for (let cloud = 0; cloud < 16; cloud++) {
    const [angle, far] = [cloud * 2.4, 190 + (cloud * 83) % 220];
    for (let part = 0; part < 4; part++) {
      const body = new THREE.Mesh(puff, material);
      body.position.set(Math.sin(angle) * far + part * 16 - 24, -90 + ((cloud * 37) % 60) + (part % 2) * 5, Math.cos(angle) * far + (part % 3) * 9);
      body.scale.set(18, 8 + (part % 3) * 2, 14);
      group.add(body);
    }
  }
  return group;
}
