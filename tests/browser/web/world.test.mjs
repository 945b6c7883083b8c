// The world's arrays and plain values, for every kind of layout: node --test world.test.mjs

import assert from 'node:assert/strict';
import test from 'node:test';
import { World, inputWriter, valueReader } from '../../../client-wasm/js/world.js';

const EVERY = {
  speed: ['f'], hp: ['i'], ready: ['b'], who: ['s'], owner: ['os'], target: ['r'], count: ['u'],  big: ['u64'], low: ['i64'],
  phase: ['e', 'Play', 'Over'], gift: ['v', { None: {}, Armour: { plates: ['i'], at: { x: ['f'], y: ['f'] } } }],
  home: ['o', { x: ['f'], y: ['f'] }], scores: ['n', ['i'], 3], path: ['l', { x: ['f'] }, 2], pay: ['m', ['s'], ['i'], 2],
};
const VALUE = {
  speed: 1.5, hp: -3, ready: true, who: 2, owner: 0, target: 70_000, count: 4_000_000_000, big: 2n ** 40n + 7n, low: -5n,
  phase: 'Over', gift: { kind: 'Armour', plates: 2, at: { x: 1, y: 2 } },
  home: { x: 4, y: 5 }, scores: [1, 2, 3], path: [{ x: 9 }], pay: [[1, 20], [2, 30]],
};

/** A client with an input of so many leaves. */
function hand(leaves) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  return { memory, client: { input_ptr: () => 8, input_len: () => leaves, set_input() {} }, leaves: () => new Float64Array(memory.buffer, 8, leaves) };
}

test('a value of every kind is written and read back', () => {
  const { memory, client, leaves } = hand(40);
  const write = inputWriter(client, memory, EVERY, new Array(40).fill(0));
  write(VALUE);
  const read = valueReader(EVERY);
  assert.deepEqual(read((leaf) => leaves()[leaf]), VALUE);
  const empty = { ...VALUE, owner: null, home: null, gift: { kind: 'None' }, path: [], pay: [], low: 5n };
  write(empty);
  assert.deepEqual(read((leaf) => leaves()[leaf]), empty);
});

test('what an input leaves out is neutral, and what it has too much is an error', () => {
  const { memory, client, leaves } = hand(40);
  const write = inputWriter(client, memory, EVERY, Object.assign(new Array(40).fill(0), { 1: 7 }));
  write({ hp: 2 });
  assert.equal(leaves()[1], 2);
  write({});
  assert.equal(leaves()[1], 7, 'the neutral input');
  memory.grow(1);
  write({ hp: 3 });
  assert.equal(leaves()[1], 3, 'after the memory has moved');
  assert.throws(() => write({ hpp: 2 }), /the input has no field `hpp`; it has speed, hp/);
  assert.throws(() => write({ phase: 'Pause' }), /the input.phase is one of Play, Over, not Pause/);
});

test('an integer beyond 32 bits is its least value and the way from there', () => {
  const read = valueReader(['w', '-9000000000', -5]);
  assert.equal(read(() => 2), -8_999_999_993n);
  assert.equal(read(() => -6), -9_000_000_000n + 4_294_967_295n);
});

/** A module with one table of `{at: {x, y}, hp}` and a world of `{round: {left, scores}, ships}`. */
function world() {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const words = () => new Uint32Array(memory.buffer);
  const floats = () => new Float32Array(memory.buffer);
  const client = { there: false, view() { return this.there; }, columns_ptr: () => 0, columns_len: () => 16 };
  const put = (table, rows, capacity, [ids, arrived, gone, columns], cameAndWent = [0, 0]) =>
    words().set([rows, capacity, ids, cameAndWent[0], arrived, cameAndWent[1], gone, columns], table * 8);
  const layout = { round: { left: ['i'], scores: ['n', ['i'], 2] }, ships: ['t', { at: { x: ['f'], y: ['f'] }, hp: ['i'] }] };
  return { memory, words, floats, client, put, seen: new World(client, memory, layout) };
}

test('tables are arrays over the memory, and the world\'s own fields are getters', () => {
  const { words, floats, client, put, seen } = world();
  assert.equal(seen.update(0), false);
  client.there = true;
  put(0, 1, 1, [256, 256, 256, 260]);
  words().set([30, 1, 2], 260 / 4);
  put(1, 2, 4, [512, 528, 528, 576], [1, 0]);
  words().set([1, 65_538], 512 / 4);
  words().set([65_538], 528 / 4);
  floats().set([1, 2, 0, 0, 3, 4, 0, 0], 576 / 4);
  words().set([50, 60], 576 / 4 + 8);
  assert.equal(seen.update(0), true);
  const { round, ships } = seen.fields;
  assert.deepEqual([round.left, [...round.scores]], [30, [1, 2]]);
  assert.equal(ships.count, 2);
  assert.deepEqual([ships.columns.at.x[1], ships.columns.at.y[1], ships.columns.hp[1]], [2, 4, 60]);
  assert.deepEqual([ships.indexOf(1), ships.indexOf(65_538), ships.indexOf(2), ships.indexOf(9)], [0, 1, -1, -1]);
  assert.deepEqual(ships.get(65_538), { at: { x: 2, y: 4 }, hp: 60 });
  assert.deepEqual([ships.get(2), ships.at(2), ships.at(-1)], [null, null, null]);
  assert.deepEqual([...ships.arrived], [65_538]);
  assert.deepEqual([...ships].map(({ hp }) => hp), [50, 60]);
  const { ids, columns } = ships;
  seen.update(1);
  assert.ok(seen.fields.ships === ships && ships.ids === ids && ships.columns === columns, 'nothing is made anew');
});

test('a row that was predicted is found by its first id and by the id of the server', () => {
  const { words, client, put, seen } = world();
  client.there = true;
  put(0, 1, 1, [256, 256, 256, 260]);
  put(1, 4, 4, [512, 528, 528, 576]);
  // Rows 1, 40,000 of generation 3 (now row 7), 40,000 of generation 5, and 40,001 (now row 9).
  const first = (slot, generation) => generation * 65_536 + slot;
  words().set([1, first(40_000, 3), first(40_000, 5), 40_001], 512 / 4);
  words().set([1, 7, first(40_000, 5), 9], 576 / 4 + 3 * 4);
  seen.update(0);
  const { ships } = seen.fields;
  const places = [1, first(40_000, 3), first(40_000, 5), 40_001, 7, 9].map((id) => ships.indexOf(id));
  assert.deepEqual(places, [0, 1, 2, 3, 1, 3]);
  assert.deepEqual([8, 40_000, first(40_000, 4)].map((id) => ships.indexOf(id)), [-1, -1, -1]);
});

test('a memory that grows, and a table that moves, are followed', () => {
  const { memory, words, client, put, seen } = world();
  client.there = true;
  put(0, 1, 1, [256, 256, 256, 260]);
  put(1, 0, 1, [512, 528, 528, 576]);
  seen.update(0);
  memory.grow(1);
  words()[260 / 4] = 9;
  seen.update(1);
  assert.equal(seen.fields.round.left, 9);
  put(1, 1, 2, [1024, 528, 528, 2048]);
  words()[1024 / 4] = 77;
  seen.update(2);
  assert.deepEqual([seen.fields.ships.count, seen.fields.ships.ids[0]], [1, 77]);
  seen.release();
  assert.deepEqual([seen.fields.ships.count, seen.fields.ships.ids.length, seen.fields.round.left], [0, 0, 0]);
});
