// Checks that the messages of the Colyseus server are the game: its own SDK's clients see the server's state, and it
// moves.
//
// node check.mjs steady|erratic|still: a server and the clients of one full room in this process, on loopback. Every
// state that the watching client makes of a patch must be, number for number, the next one that the server made. The
// script prints a summary and ends with 0, or prints the difference and ends with 1.

import { Server, matchMaker } from "@colyseus/core";
import { Client } from "@colyseus/sdk";
import { WebSocketTransport } from "@colyseus/ws-transport";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { MOTIONS, SEATS, SIZE, SPEED_MAX, defineCrowd } from "./room.mjs";

const ENTITIES = 100;
const PATCHES = 60;
const WAIT_MS_MAX = 10_000;

/** All numbers of a state in one array, rounded to the f32 of the wire. */
function numbersOf({ entities, players }) {
  const movers = [...entities, ...players.values()];
  return movers.flatMap(({ x, y, angle, hp }) => [x, y, angle, hp].map(Math.fround));
}

const areEqual = (a, b) => a.length === b.length && a.every((number, index) => number === b[index]);

/** A promise that is kept when the callback given to `subscribe` is called, and broken after a timeout. */
function until(what, subscribe) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} did not happen in ${WAIT_MS_MAX} ms`)), WAIT_MS_MAX);
    subscribe((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

/** Compares each state of `client` with the one that `room` made: no state may be missing, and none may differ. */
async function watch(room, client) {
  const made = [];
  room.onBeforePatch = () => {
    const numbers = numbersOf(room.state);
    // Colyseus sends no patch for a state that has not changed.
    if (made.length === 0 || !areEqual(made.at(-1), numbers)) made.push(numbers);
  };
  let next;
  let compared = 0;
  await until(`${PATCHES} patches`, (done) => {
    client.onStateChange((state) => {
      // Patches that arrive while the client has not left yet are not compared any more.
      if (compared === PATCHES) return;
      const seen = numbersOf(state);
      if (next === undefined) {
        const found = made.findIndex((numbers) => areEqual(numbers, seen));
        // The client's first state may be older than the watch.
        if (found < 0) return;
        next = found;
      }
      assert.ok(next < made.length && areEqual(made[next], seen), `state ${next} of the client is not the server's`);
      next += 1;
      compared += 1;
      if (compared === PATCHES) done();
    });
  });
  room.onBeforePatch = undefined;
  const states = made.slice(next - PATCHES, next);
  return { states, numbers: states.reduce((sum, numbers) => sum + numbers.length, 0) };
}

/** Entities move as the motion says: up to the speed limit, inside the square, all of them or none. */
function assertMotion(motion, states) {
  let [moves, turns] = [0, 0];
  for (let index = 0; index < ENTITIES; index++) {
    const at = (tick) => [states[tick][4 * index], states[tick][4 * index + 1]];
    const velocity = (tick) => at(tick).map((place, axis) => place - at(tick - 1)[axis]);
    for (let tick = 1; tick < states.length; tick++) {
      const fast = velocity(tick).some((speed) => Math.abs(speed) > SPEED_MAX);
      const outside = at(tick).some((place) => place < 0 || place > SIZE);
      assert.ok(!fast && !outside, `entity ${index} is too fast or outside at state ${tick}`);
      moves += velocity(tick).some((speed) => speed !== 0);
      turns += tick > 1 && velocity(tick).some((speed, axis) => speed !== velocity(tick - 1)[axis]);
    }
  }
  const parts = { moves: moves / ENTITIES / (states.length - 1), turns: turns / ENTITIES / (states.length - 2) };
  const ranges = { steady: [0.98, 1, 0.004, 0.03], erratic: [0.98, 1, 0.9, 1], still: [0, 0, 0, 0] };
  const [movesMin, movesMax, turnsMin, turnsMax] = ranges[motion];
  assert.ok(parts.moves >= movesMin && parts.moves <= movesMax, `${motion}: ${parts.moves} of all places moved`);
  assert.ok(parts.turns >= turnsMin && parts.turns <= turnsMax, `${motion}: ${parts.turns} of all ways turned`);
}

async function checkMotion(motion) {
  const transport = new WebSocketTransport();
  const server = new Server({ transport, greet: false, gracefullyShutdown: false });
  defineCrowd(server, { entities: ENTITIES, motion });
  await server.listen(0, "127.0.0.1");
  const url = `http://127.0.0.1:${transport.server.address().port}`;
  // The options that a client asks for change nothing.
  const first = await new Client(url).create("crowd", { entities: 3, motion: "none" });
  const others = [];
  for (let seat = 1; seat < SEATS; seat++) others.push(await new Client(url).joinById(first.roomId));
  await assert.rejects(new Client(url).joinById(first.roomId), "a ninth client gets no seat");
  const room = matchMaker.getLocalRoomById(first.roomId);
  assert.equal(room.state.entities.length, ENTITIES);
  assert.equal(room.state.players.size, SEATS);
  const clients = [first, ...others];
  const steering = setInterval(() => clients.forEach((client) => client.send("way", { x: 0.5, y: -0.25 })), 33);
  const { states, numbers } = await watch(room, first);
  clearInterval(steering);
  assertMotion(motion, states);
  const travelled = states.at(-1).slice(4 * ENTITIES).map((number, index) => number - states[0][4 * ENTITIES + index]);
  const isSteered = (seat) => travelled[4 * seat] !== 0 && travelled[4 * seat + 1] !== 0;
  assert.ok(clients.every((_, seat) => isSteered(seat)), "every player goes where it steers");
  await Promise.all(clients.map((client) => client.leave()));
  await sleep(50);
  assert.equal(matchMaker.getLocalRoomById(first.roomId), undefined, "the room ends with its last player");
  await server.gracefullyShutdown(false);
  console.log(`${motion}: ${states.length} states, ${numbers} numbers agree with the server's`);
}

try {
  const asked = process.argv[2];
  // A process holds one server: the matchmaker is a global.
  assert.ok(MOTIONS.includes(asked), `which motion: ${MOTIONS.join(", ")}?`);
  await checkMotion(asked);
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
