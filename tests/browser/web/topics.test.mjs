// Topics without a game, and the two views of them, against a server in this file: over connections that break at any
// moment nothing is lost without a gap, told twice, or published twice.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

const KEPT = 8;
const SEEDS = 100;

/** A page without a browser: the tests move its clock. */
const page = new EventTarget();
Object.assign(globalThis, { document: Object.assign(new EventTarget(), { baseURI: 'http://here/', hidden: false }), addEventListener: page.addEventListener.bind(page) });
Object.defineProperty(globalThis, 'navigator', { value: { onLine: true }, configurable: true });
mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'Date'], now: 1_700_000_000_000 });
// The mocked clock moves `Date` alone.
performance.now = () => Date.now();

const { History, TopicRefused, Values, connectTopics } = await import('../../../client-wasm/js/tickwire.js');

function dice(seed) {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A server with the rules of the protocol. What it has sent waits in `out` until the test delivers it. */
class Server {
  topics = new Map();
  sockets = new Set();
  out = [];
  taken = new Map();
  told = [];
  refuseNext = null;

  topic(name) {
    return this.topics.get(name) ?? this.topics.set(name, { newest: 2n ** 60n, kept: [], hearing: new Set() }).get(name);
  }

  add(name, { key, from, body }) {
    const topic = this.topic(name);
    const message = { op: 'message', topic: name, id: String(++topic.newest), ...(key ? { key } : {}), from, at_ms: Date.now(), body };
    if (key) topic.kept = topic.kept.filter((other) => other.key !== key);
    if (!key || body) topic.kept.push(message);
    if (!key) topic.kept.splice(0, topic.kept.length - KEPT);
    for (const socket of topic.hearing) this.send(socket, message);
    return message.id;
  }

  send(socket, message) {
    if (this.sockets.has(socket)) this.out.push([socket, message]);
  }

  receive(socket, message) {
    this.told.push(message);
    const topic = message.topic && this.topic(message.topic);
    if (message.op === 'hello') {
      assert.ok(!socket.you, 'the hello comes once');
      socket.you = { player: message.key ?? 'anybody', name: message.name ?? 'guest' };
      this.send(socket, { op: 'you', ...socket.you });
    } else if (message.op === 'subscribe') {
      topic.hearing.add(socket);
      this.send(socket, { op: 'granted', topic: message.topic, newest: String(topic.newest), may_publish: true, bytes_max: 800 });
      const isKeyed = topic.kept.some(({ key }) => key);
      const after = message.after === undefined || BigInt(message.after) > topic.newest ? null : BigInt(message.after);
      const missed = topic.kept.filter(({ id }) => isKeyed || after === null || BigInt(id) > after);
      const next = missed.length ? BigInt(missed[0].id) : topic.newest + 1n;
      if (!isKeyed && after !== null && after + 1n < next) this.send(socket, { op: 'gap', topic: message.topic, from: String(after + 1n), to: String(next - 1n) });
      for (const one of missed) this.send(socket, one);
    } else if (message.op === 'leave') {
      topic.hearing.delete(socket);
      this.send(socket, { op: 'ended', topic: message.topic });
    } else if (message.op === 'publish') {
      this.publish(socket, message);
    }
  }

  publish(socket, { topic, seq, body }) {
    const refusal = this.refuseNext;
    this.refuseNext = null;
    if (refusal) return this.send(socket, { op: 'receipt', seq, ...refusal });
    const id = this.taken.get(seq) ?? this.add(topic, { from: socket.you, body: body.replace(/\s+/g, ' ') });
    this.taken.set(seq, id);
    this.send(socket, { op: 'receipt', seq, id, kept: true });
  }

  /** Ends all connections; what was on the way is lost. */
  cut() {
    for (const socket of [...this.sockets]) {
      this.sockets.delete(socket);
      for (const { hearing } of this.topics.values()) hearing.delete(socket);
      socket.readyState = 3;
      socket.onclose?.({});
    }
    this.out = [];
  }

  /** Delivers the oldest messages. */
  flow(count = Infinity) {
    for (let n = 0; n < count && this.out.length; n++) {
      const [socket, message] = this.out.shift();
      if (this.sockets.has(socket)) socket.onmessage?.({ data: JSON.stringify(message) });
    }
  }
}

let server;
globalThis.WebSocket = class {
  static OPEN = 1;
  readyState = 0;

  constructor(address, subprotocol) {
    assert.deepEqual([address, subprotocol], ['ws://here/ws', 'tickwire.json.1']);
    server.dialled = this;
  }

  open() {
    this.readyState = 1;
    server.sockets.add(this);
    this.onopen();
  }

  send(text) {
    if (server.loseUpward) return;
    server.receive(this, JSON.parse(text));
  }

  close() {
    this.readyState = 3;
    server.sockets.delete(this);
    for (const { hearing } of server.topics.values()) hearing.delete(this);
  }
};

const me = { player: 'me', name: 'Ada' };
const other = { player: 'other', name: 'Bob' };
/** In steps: the clock stands still while the timers of one step run. */
const pass = (ms) => {
  for (let left = ms; left > 0; left -= 100) mock.timers.tick(Math.min(left, 100));
};
const settle = () => new Promise((done) => setImmediate(done));

/** Lets time pass until the client is connected. */
function connect() {
  for (let n = 0; n < 200 && !server.sockets.size; n++) {
    if (server.dialled?.readyState === 0) server.dialled.open();
    pass(200);
  }
  assert.ok(server.sockets.size, 'the client connects again');
}

function start() {
  server = new Server();
  const topics = connectTopics({ name: me.name, key: me.player });
  connect();
  server.flow();
  return topics;
}

test('over connections that break at any moment each message is told once and in order', async () => {
  let gaps = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const roll = dice(seed);
    const topics = start();
    const [told, receipts] = [[], []];
    topics.on('message', ({ id }) => told.push(BigInt(id)));
    topics.on('gap', ({ from, to }) => {
      gaps++;
      for (let id = BigInt(from); id <= BigInt(to); id++) told.push(id);
    });
    server.add('room/A', { from: other, body: 'before' });
    topics.subscribe('room/A');
    let said = 0;
    for (let step = 0; step < 60; step++) {
      const what = roll(10);
      if (what < 4) server.add('room/A', { from: other, body: `${step}` });
      else if (what < 6) topics.publish('room/A', `own ${said++}`).then(({ id }) => receipts.push(id), assert.fail);
      else if (what < 8) server.flow(roll(4));
      else if (what < 9) pass(roll(900));
      else {
        server.loseUpward = roll(2) === 0;
        if (server.loseUpward) topics.publish('room/A', `own ${said++}`).then(({ id }) => receipts.push(id), assert.fail);
        server.cut();
        server.loseUpward = false;
        if (roll(2)) connect();
      }
    }
    connect();
    server.flow();
    pass(1000);
    server.flow();
    await settle();
    const { newest } = server.topic('room/A');
    assert.deepEqual(told, told.map((_, place) => told[0] + BigInt(place)), `seed ${seed}: in order, each once`);
    assert.equal(told.at(-1), newest, `seed ${seed}: nothing is missing at the end`);
    assert.equal(new Set(receipts).size, said, `seed ${seed}: each has one receipt`);
    assert.equal(server.taken.size, said, `seed ${seed}: nothing is published twice`);
    topics.close();
  }
  assert.ok(gaps > 0, 'some connections were away for longer than the server keeps messages');
});

test('a refusal with a pause is sent again under the same number and nothing overtakes it, any other is final', async () => {
  const topics = start();
  topics.subscribe('room/A');
  const bodies = [];
  topics.on('message', ({ body }) => bodies.push(body));
  server.refuseNext = { why: 'rate', wait_ms: 500 };
  const first = topics.publish('room/A', 'first');
  server.flow();
  const second = topics.publish('room/A', 'second');
  server.flow();
  assert.deepEqual(bodies, []);
  pass(600);
  server.flow();
  await Promise.all([first, second]);
  assert.deepEqual(bodies, ['first', 'second']);
  server.refuseNext = { why: 'muted', wait_ms: 0 };
  const third = topics.publish('room/A', 'third');
  server.flow();
  await assert.rejects(third, (error) => error instanceof TopicRefused && error.why === 'muted' && error.waitMs === 0);
  server.loseUpward = true;
  const bad = topics.publish('room/A', 'more than the protocol allows');
  server.loseUpward = false;
  server.send([...server.sockets][0], { op: 'error', what: 'the message has too many bytes', help: 'send shorter messages' });
  server.flow();
  await assert.rejects(bad, ({ why }) => why === 'text', 'the server would only say the same again');
  const last = topics.publish('room/A', 'last');
  topics.close();
  await assert.rejects(last, TopicRefused);
});

test('a topic that is left and asked for again is heard', () => {
  const topics = start();
  topics.subscribe('room/A');
  server.flow();
  topics.leave('room/A');
  topics.subscribe('room/A');
  server.flow();
  const bodies = [];
  topics.on('message', ({ body }) => bodies.push(body));
  server.add('room/A', { from: other, body: 'hi' });
  server.cut();
  connect();
  server.flow();
  assert.deepEqual(bodies, ['hi']);
  topics.close();
});

test('marks are the newest alone, at most once a second, and only where others see them', () => {
  const topics = start();
  for (const topic of ['room/A', 'lobby/a/chat']) topics.subscribe(topic);
  for (let n = 0; n < 5; n++) {
    for (const topic of ['room/A', 'lobby/a/chat']) server.add(topic, { from: other, body: 'hi' });
    server.flow();
    pass(200);
  }
  const delivered = server.told.filter(({ op }) => op === 'delivered');
  assert.ok(delivered.length >= 1 && delivered.length <= 2, JSON.stringify(delivered));
  assert.ok(delivered.every(({ topic }) => topic === 'room/A'));
  pass(2000);
  topics.read('room/A', String(server.topic('room/A').newest));
  topics.read('room/A', '1');
  pass(2000);
  const read = server.told.filter(({ op }) => op === 'read');
  assert.deepEqual(read, [{ op: 'read', topic: 'room/A', id: String(server.topic('room/A').newest) }]);
  topics.close();
});

test('a silent connection is asked, and given up without an answer', () => {
  const topics = start();
  topics.subscribe('room/A');
  server.flow();
  const [grants, bodies] = [[], []];
  topics.on('granted', (grant) => grants.push(grant));
  topics.on('message', ({ body }) => bodies.push(body));
  server.add('room/A', { from: other, body: 'on the way' });
  pass(21_000);
  server.flow();
  assert.equal(grants.length, 1);
  assert.deepEqual(bodies, ['on the way'], 'the answer has it again, and it is told once');
  assert.equal(topics.state, 'open');
  pass(30_000);
  assert.equal(topics.state, 'connecting');
  topics.close();
});

test('a page that is hidden or offline does not dial, and dials soon once it is back', () => {
  const topics = start();
  document.hidden = true;
  server.cut();
  server.dialled = null;
  pass(60_000);
  assert.equal(server.dialled, null);
  document.hidden = false;
  document.dispatchEvent(new Event('visibilitychange'));
  pass(1000);
  assert.ok(server.dialled);
  server.dialled.open();
  navigator.onLine = false;
  page.dispatchEvent(new Event('offline'));
  assert.equal(topics.state, 'connecting');
  server.dialled = null;
  pass(60_000);
  assert.equal(server.dialled, null);
  navigator.onLine = true;
  page.dispatchEvent(new Event('online'));
  pass(1000);
  assert.ok(server.dialled);
  topics.close();
});

test('a view of values has what is there, after a break too', () => {
  const topics = start();
  let changes = 0;
  server.add('lobby/a', { key: 'A', body: '{"players":1}' });
  server.add('lobby/a', { key: 'B', body: '{"players":2}' });
  server.add('lobby/a', { key: 'D', body: '{"players":9}' });
  const view = new Values(topics, 'lobby/a', () => changes++);
  const now = () => {
    server.flow();
    pass(100);
    return Object.fromEntries([...view.entries].map(([key, { players }]) => [key, players]));
  };
  assert.deepEqual(now(), { A: 1, B: 2, D: 9 });
  assert.equal(changes, 1, 'one change is told for all of them');
  server.add('lobby/a', { key: 'A', body: '' });
  server.add('lobby/a', { key: 'B', body: '{"players":3}' });
  assert.deepEqual(now(), { B: 3, D: 9 });
  server.cut();
  server.add('lobby/a', { key: 'C', body: '{"players":4}' });
  server.add('lobby/a', { key: 'B', body: '' });
  connect();
  assert.deepEqual(now(), { D: 9, C: 4 });
  const [socket] = server.sockets;
  server.send(socket, { op: 'gap', topic: 'lobby/a', from: '1', to: '2' });
  server.topic('lobby/a').kept.pop();
  server.flow();
  pass(1500);
  assert.deepEqual(now(), { D: 9 }, 'after a gap the list is asked for again');
  topics.close();
});

test('a history has its lines in order, once, with marks and gaps', async () => {
  const topics = start();
  for (let n = 0; n < 10; n++) server.add('room/A', { from: other, body: `early ${n}` });
  const history = new History(topics, 'room/A');
  const now = async () => {
    server.flow();
    await settle();
    return history.lines.map(({ body, lost, state }) => (lost ? `lost ${lost}` : state ? `${body} (${state})` : body));
  };
  assert.deepEqual((await now()).length, KEPT, 'a newcomer is told of no gap');
  history.say('mine  here');
  history.say('and here');
  assert.deepEqual((await now()).slice(-2), ['mine here (sent)', 'and here (sent)']);
  server.cut();
  history.say('offline');
  assert.equal((await now()).at(-1), 'offline (sending)');
  for (let n = 0; n < KEPT + 3; n++) server.add('room/A', { from: other, body: `late ${n}` });
  connect();
  const lines = await now();
  assert.equal(lines.filter((line) => line.startsWith('offline')).length, 1);
  assert.equal(lines.at(-1), 'offline (sent)');
  assert.equal(lines[KEPT + 2], 'lost 3', lines.join());
  assert.equal(new Set(history.lines.map(({ order }) => order)).size, lines.length);
  const [socket] = server.sockets;
  const mine = history.lines.at(-1);
  server.send(socket, { op: 'read', topic: 'room/A', player: 'other', delivered: mine.id, read: String(BigInt(mine.id) - 1n) });
  server.send(socket, { op: 'read', topic: 'room/A', player: 'me', delivered: mine.id, read: mine.id });
  await now();
  assert.deepEqual([history.marked('delivered', mine), history.marked('read', mine)], [1, 0]);
  server.refuseNext = { why: 'text', wait_ms: 0 };
  history.say('bad');
  assert.equal((await now()).at(-1), 'bad (refused)');
  server.add('room/A', { from: other, body: 'more' });
  assert.deepEqual((await now()).slice(-2), ['bad (refused)', 'more']);
  server.topics.clear();
  server.topic('room/A').newest = 5n;
  server.cut();
  connect();
  server.add('room/A', { from: other, body: 'anew' });
  assert.equal((await now()).at(-1), 'anew', 'a topic that began anew goes on below');
  topics.close();
});

test('nothing of a blocked player is told, on later connections too', () => {
  const topics = start();
  topics.subscribe('room/A');
  topics.block('other', true);
  const bodies = [];
  topics.on('message', ({ body }) => bodies.push(body));
  server.add('room/A', { from: other, body: 'no' });
  server.flow();
  server.cut();
  connect();
  server.flow();
  assert.equal(server.told.filter(({ op, blocked }) => op === 'block' && blocked).length, 2);
  topics.block('other', false);
  server.add('room/A', { from: other, body: 'yes' });
  server.flow();
  assert.deepEqual(bodies, ['yes']);
  topics.close();
});
