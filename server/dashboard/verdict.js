// What is wrong, and where: the sentence at the head of the page, and a link for each thing that needs a look.

import { $, Rows, el, mark, say } from './dom.js';
import { bytes, count, evidence, level, list, micros, percent, plural, predicate, rank, reasonWords, stateWord } from './words.js';

/** A finding stays for so long after its cause is gone, so that a flicker can be seen; one of a single moment stays longer. */
const HELD_MS = 10_000;
const MOMENT_HELD_MS = 120_000;
/** Rooms of one state that are named one by one. */
const NAMED_MAX = 3;
/** From here on a figure is worth a look. */
const LOAD_PERCENT = 85;
const LATE_US = 5000;
const MEMORY_PART = 0.9;
const REFUSALS_S = 20;

export class Verdict {
  #held = new Map();
  #rows = new Rows($('findings'), ({ key }) => key, makeFinding, fillFinding);
  #spoken = '';
  #errors;

  /** Shows the verdict for the newest figures and rooms; gives its words and level. */
  show(overview, rooms, now = performance.now()) {
    const errors = overview.log?.errors ?? 0;
    const log = { errors, grown: errors > (this.#errors ?? errors) };
    this.#errors = errors;
    for (const finding of [...ofServer({ ...overview, log }), ...ofRooms(rooms), ...ofShards(overview.shards ?? [])]) {
      this.#held.set(finding.key, { ...finding, until: now + (finding.heldMs ?? HELD_MS) });
    }
    for (const [key, { until }] of this.#held) if (until < now) this.#held.delete(key);
    const found = [...this.#held.values()].sort((a, b) => b.weight - a.weight);
    this.#rows.show(found);
    const words = headline(found);
    const worst = found.some((finding) => finding.level === 'bad') ? 'bad' : found.length ? 'care' : 'ok';
    say($('verdict'), words);
    mark($('state'), 'data-level', worst);
    this.#speak(found, words);
    return { words, level: worst };
  }

  /** Only a change of what is wrong is read aloud, and not each change of a figure. */
  #speak(found, words) {
    const told = [words, ...found.map(({ name, is }) => `${name} ${is}`)].join('. ');
    if (told === this.#spoken) return;
    this.#spoken = told;
    say($('spoken'), told);
  }
}

function headline(found) {
  if (found.length === 0) return 'All is well';
  if (found.length === 1) return `${found[0].name} ${found[0].is}`;
  return `${found.length} things need a look`;
}

function makeFinding({ href }) {
  const parts = { name: el('b'), is: el('span'), why: el('small') };
  const link = el('a', { href }, parts.name, ' ', parts.is, ' ', parts.why);
  return { ...parts, link, node: el('li', {}, link) };
}

function fillFinding(row, finding) {
  say(row.name, finding.name);
  say(row.is, finding.is);
  say(row.why, finding.why ?? '');
  mark(row.node, 'data-level', finding.level);
}

function* ofServer({ server, memory, refusals, closes, log }) {
  if (server?.draining) {
    yield { key: 'drain', weight: 90, level: 'care', name: 'The server', is: 'is draining', why: 'no new rooms', href: '#rooms-title' };
  } else if (server?.ready === false) {
    yield { key: 'ready', weight: 95, level: 'bad', name: 'The server', is: 'is not ready', why: list((server.reasons ?? []).map(reasonWords)), href: '#figures-title' };
  }
  if (memory?.bytes_max && memory.bytes > memory.bytes_max * MEMORY_PART) {
    yield { key: 'memory', weight: 60, level: 'bad', name: 'Memory', is: 'is nearly full', why: `${bytes(memory.bytes)} of ${bytes(memory.bytes_max)}`, href: '#figures-title' };
  }
  const failed = closes?.[1011];
  if (failed) yield { key: 'failed', weight: 70, level: 'bad', name: 'A room', is: 'has failed', why: `${plural(failed, 'connection')} closed`, heldMs: MOMENT_HELD_MS, href: '#ended-title' };
  const refused = Object.values(refusals ?? {}).reduce((sum, n) => sum + n, 0);
  if (refused >= REFUSALS_S) yield { key: 'refusals', weight: 40, level: 'care', name: 'Refusals', is: 'are many', why: `${count(refused)} a second`, href: '#ended-title' };
  if (log?.grown) yield { key: 'errors', weight: 50, level: 'bad', name: 'The log', is: 'has errors', why: plural(log.errors, 'line'), heldMs: MOMENT_HELD_MS, href: '#figures-title' };
}

function* ofRooms(rooms) {
  const states = new Map();
  for (const room of rooms) if (room.state !== 'ok') states.set(room.state, [...(states.get(room.state) ?? []), room]);
  for (const [state, all] of states) {
    const weight = 80 + rank(state);
    for (const room of all.slice(0, all.length > NAMED_MAX ? NAMED_MAX - 1 : NAMED_MAX)) {
      yield { key: room.code, weight, level: level(state), name: room.code, is: predicate(state), why: evidence(room), href: `#${room.code}` };
    }
    const more = all.length - NAMED_MAX + 1;
    if (more > 1) yield { key: `more ${state}`, weight: weight - 0.5, level: level(state), name: plural(more, 'more room'), is: `in state ${stateWord(state)}`, href: `#state=${state}` };
  }
}

function* ofShards(shards) {
  for (const shard of shards) {
    const index = shard.shard;
    // The slow lane is there to be late.
    if (shard.is_slow_lane) continue;
    const name = `Shard ${index}`;
    if (shard.load_percent >= LOAD_PERCENT) {
      yield { key: `load ${index}`, weight: 55, level: 'bad', name, is: 'is busy', why: `${percent(shard.load_percent)} of its core`, href: '#shards-title' };
    }
    if (shard.late_us?.p99 >= LATE_US) {
      yield { key: `late ${index}`, weight: 54, level: 'care', name, is: 'begins ticks late', why: `by ${micros(shard.late_us.p99)} (p99)`, href: '#shards-title' };
    }
  }
}
