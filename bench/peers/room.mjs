// `crowd` as a Colyseus room: the rules of shared/games/src/crowd.rs, number for number.
//
// A square of 1000 units, 30 ticks a second. Each entity flies straight and bounces off the walls; its turns are
// decided by dice that no client has. Clients see x, y and angle as f32 and hp as u8. All values that are not for
// clients (velocity, spin, the position before it is an f32) are in plain objects, where Colyseus does not track them.

import { Room } from "@colyseus/core";
import { Encoder, schema, t } from "@colyseus/schema";

/** Side of the square, in units. */
export const SIZE = 1000;
/** Units per tick on each axis. */
export const SPEED_MAX = 2;
/** Players in a room. */
export const SEATS = 8;
/** Entities besides players at the most. */
export const ENTITIES_MAX = 10_000;
/** How entities move: see `Motion` in crowd.rs. */
export const MOTIONS = ["steady", "erratic", "still"];

const TICK_RATE_HZ = 30;
/** Positions and velocities are whole multiples of 1/32 unit, as on our wire. */
const GRID = 32;
/** Directions of an angle. */
const DIRECTIONS = 1024;
const RADIANS_PER_STEP = (2 * Math.PI) / DIRECTIONS;
/** In erratic motion, the standard deviation of each tick's change of velocity, in units per tick and axis. */
const SIGMA = 0.1;
/** In steady motion, one in this many entities takes a new way in a tick. */
const TURN_ONE_IN = 100;
/** Bytes that a full state may take for each mover: its place in a collection, its key and its fields. */
const STATE_BYTES_PER_MOVER_MAX = 48;

const Mover = schema({ x: t.float32(), y: t.float32(), angle: t.float32(), hp: t.uint8() }, "Mover");

const World = schema({ entities: t.array(Mover), players: t.map(Mover) }, "World");

const between = (low, high) => low + Math.random() * (high - low);
const anySpeed = () => between(-SPEED_MAX, SPEED_MAX);
const clamp = (value, low, high) => (value < low ? low : value > high ? high : value);
const toGrid = (value) => Math.floor(value * GRID + 0.5) / GRID;

/** A small change of speed: the sum of four even draws, whose variance is a third, is near enough to normal. */
const nudge = () =>
  (Math.random() + Math.random() + Math.random() + Math.random() - 2) * SIGMA * Math.sqrt(3);

/** A mover and the values of it that clients do not see. */
class Body {
  constructor(moves) {
    this.mover = new Mover();
    this.x = toGrid(between(0, SIZE));
    this.y = toGrid(between(0, SIZE));
    this.vx = moves ? anySpeed() : 0;
    this.vy = moves ? anySpeed() : 0;
    this.steps = 0;
    this.spin = moves ? Math.floor(between(-8, 9)) : 0;
    this.mover.hp = 100;
    this.show();
  }

  turn() {
    this.vx = anySpeed();
    this.vy = anySpeed();
  }

  drift() {
    this.vx += nudge();
    this.vy += nudge();
  }

  fly() {
    this.vx = toGrid(clamp(this.vx, -SPEED_MAX, SPEED_MAX));
    this.vy = toGrid(clamp(this.vy, -SPEED_MAX, SPEED_MAX));
    this.x += this.vx;
    this.y += this.vy;
    if (this.x < 0 || this.x > SIZE) {
      this.x = clamp(this.x, 0, SIZE);
      this.vx = -this.vx;
    }
    if (this.y < 0 || this.y > SIZE) {
      this.y = clamp(this.y, 0, SIZE);
      this.vy = -this.vy;
    }
    this.steps = (this.steps + this.spin + DIRECTIONS) % DIRECTIONS;
    this.show();
  }

  /** Writes the position and angle for clients; Colyseus sends the values that differ from the last ones. */
  show() {
    this.mover.x = this.x;
    this.mover.y = this.y;
    this.mover.angle = this.steps * RADIANS_PER_STEP;
  }
}

/** The room; `entities` and `motion` are the options of the server, not those that a client asks for. */
export class CrowdRoom extends Room {
  maxClients = SEATS;
  patchRate = 1000 / TICK_RATE_HZ;
  state = new World();

  onCreate({ entities, motion }) {
    this.bodies = [];
    this.steers = new Map();
    for (let count = 0; count < entities; count++) {
      const body = new Body(motion !== "still");
      this.bodies.push(body);
      this.state.entities.push(body.mover);
    }
    const step = { steady: () => this.stepSteady(), erratic: () => this.stepErratic(), still: () => this.stepStill() };
    this.onMessage("way", (client, way) => this.steer(client, way));
    this.setTimestep(step[motion], 1000 / TICK_RATE_HZ);
  }

  onJoin(client) {
    const body = new Body(false);
    this.steers.set(client.sessionId, body);
    this.state.players.set(client.sessionId, body.mover);
  }

  onLeave(client) {
    this.steers.delete(client.sessionId);
    this.state.players.delete(client.sessionId);
  }

  steer(client, way) {
    const body = this.steers.get(client.sessionId);
    if (body !== undefined && Number.isFinite(way?.x) && Number.isFinite(way?.y)) {
      body.vx = way.x;
      body.vy = way.y;
    }
  }

  stepSteady() {
    for (const body of this.bodies) {
      if (Math.random() * TURN_ONE_IN < 1) body.turn();
      body.fly();
    }
    this.stepPlayers();
  }

  stepErratic() {
    for (const body of this.bodies) {
      body.drift();
      body.fly();
    }
    this.stepPlayers();
  }

  stepStill() {
    this.stepPlayers();
  }

  stepPlayers() {
    for (const body of this.steers.values()) body.fly();
  }
}

/** Makes `server` hold rooms of `crowd`. */
export function defineCrowd(server, { entities, motion }) {
  // A buffer that is too small is grown with a warning for every room.
  Encoder.BUFFER_SIZE = Math.max(Encoder.BUFFER_SIZE, (entities + SEATS) * STATE_BYTES_PER_MOVER_MAX);
  server.define("crowd", CrowdRoom, { entities, motion });
}
