// The picture in the lobby: one match on two screens, and the wires from both to the server's ticks.
// The match is the chosen game itself, played by bots in WASM. A game is loaded for it when a person begins to
// choose; until then, and while it loads, a ball goes to and fro.

import { preview } from './tickwire.js';

const GROUND = '#0e0d0b';
const LINE = '#4a463d';
const INK = '#efe9dc';
const DIM = '#8f887a';
const HOT = '#ff5a36';
const COOL = '#6fd3c7';
const MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';
const MARK_MS = 100;
const MARK_PX = 13;
const PULSE_MS = 420;
const TRAVEL_MS = 520;
const SEED = 7;
// With reduced motion the picture is a still of the match at this time.
const STILL_MS = 3000;
const STILL_STEP_MS = 50;

const still = matchMedia('(prefers-reduced-motion: reduce)');

export class Attract {
  #painter;
  #spot = document.getElementById('showcase');
  #preview = null;
  #game = null;
  #asked = 0;
  #stale = true;
  #top = 0;
  #start = performance.now();

  constructor(painter) {
    this.#painter = painter;
  }

  /** Shows a game, by bots if `live`: then the game is loaded. */
  async show(game, live) {
    if (game.name === this.#game?.name && (this.#preview || !live)) return;
    this.stop();
    this.#game = game;
    this.#stale = true;
    this.#start = performance.now();
    if (!live) return;
    const asked = ++this.#asked;
    // A game that does not load is told when it is to be played; until then the lobby goes on without its picture.
    const bots = await game.load().then((loaded) => preview(loaded, SEED)).catch((error) => console.warn(error));
    if (asked !== this.#asked) {
      bots?.close();
      return;
    }
    this.#preview = bots ?? null;
    this.#stale = true;
    this.#start = performance.now();
    if (still.matches) for (let ms = 0; ms < STILL_MS; ms += STILL_STEP_MS) bots?.advance(this.#start + ms);
  }

  /** Frees the match while a real one is played. */
  stop() {
    this.#asked++;
    this.#game = null;
    this.#preview?.close();
    this.#preview = null;
  }

  draw(now) {
    const painter = this.#painter;
    const spot = this.#spot.getBoundingClientRect();
    const moved = painter.fit() || spot.y !== this.#top;
    if (still.matches && !moved && !this.#stale) return;
    this.#stale = false;
    this.#top = spot.y;
    const ctx = painter.ctx;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalAlpha = 1;
    ctx.fillStyle = GROUND;
    ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height);
    if (!this.#game || spot.width < 80) return;
    // Time must not run backwards for the match if motion is allowed again later.
    if (!still.matches) this.#preview?.advance(now + STILL_MS);
    const [yours, theirs, rail] = layout(spot);
    const age = still.matches ? 0 : now - this.#start;
    ctx.setTransform(painter.ratio, 0, 0, painter.ratio, 0, 0);
    drawRail(ctx, spot, rail, age, this.#game.tick_rate_hz);
    this.#screen(ctx, yours, 'you', HOT, age);
    this.#screen(ctx, theirs, 'your friend', COOL, age);
    drawWire(ctx, yours.x + yours.w * 0.16, yours.y + yours.h, rail, age, 0);
    drawWire(ctx, theirs.x + theirs.w * 0.84, theirs.y + theirs.h, rail, age, 160);
  }

  #screen(ctx, box, label, colour, age) {
    const ratio = this.#painter.ratio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.x, box.y, box.w, box.h);
    ctx.clip();
    ctx.fillStyle = '#13110f';
    ctx.fillRect(box.x, box.y, box.w, box.h);
    if (this.#preview) {
      this.#painter.paint(this.#preview.scene(), box);
    } else {
      drift(ctx, box, age);
    }
    ctx.restore();
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.strokeStyle = GROUND;
    ctx.lineWidth = 10;
    ctx.strokeRect(box.x - 5, box.y - 5, box.w + 10, box.h + 10);
    ctx.strokeStyle = LINE;
    ctx.lineWidth = 1;
    ctx.strokeRect(box.x - 0.5, box.y - 0.5, box.w + 1, box.h + 1);
    ctx.font = `12px ${MONO}`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'alphabetic';
    ctx.fillStyle = colour;
    ctx.fillRect(box.x, box.y - 15, 7, 7);
    ctx.fillText(label, box.x + 14, box.y - 8);
  }
}

/** Your screen, a friend's smaller one over its corner, and the height of the server's rail. */
function layout({ x, y, width, height }) {
  const rail = Math.round(y + height - 34);
  const room = height - 34 - 22;
  const roomy = height > 320;
  const w = Math.round(Math.min(width * (roomy ? 0.86 : 0.62), (room - (roomy ? 150 : 26)) * 1.7));
  const h = Math.round(w / 1.7);
  const fw = Math.round(roomy ? w * 0.42 : Math.min(width - w - 26, w * 0.62));
  const fh = Math.round(fw / 1.9);
  const gap = roomy ? fh * 0.58 : 0;
  const top = Math.round(y + 22 + Math.max(0, (room - h - gap - 60) / 2));
  return [
    { x: Math.round(x), y: top, w, h },
    { x: Math.round(roomy ? Math.min(x + width - fw, x + w * 0.7) : x + width - fw), y: Math.round(roomy ? top + h - fh * 0.42 : top + h - fh), w: fw, h: fh },
    rail,
  ];
}

function drawRail(ctx, { x, width }, rail, age, hz) {
  const right = x + width;
  ctx.fillStyle = INK;
  ctx.fillRect(x, rail, width, 1.5);
  ctx.font = `12px ${MONO}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  const newest = Math.floor(age / MARK_MS) + 40;
  const shift = ((age % MARK_MS) / MARK_MS) * MARK_PX;
  for (let mark = newest, at = right - shift; at > x; mark--, at -= MARK_PX) {
    const second = mark % 10 === 0;
    ctx.fillStyle = second ? INK : LINE;
    ctx.fillRect(Math.round(at), rail, 1, second ? 12 : 6);
    if (!second || at < x + 96 || at > right - 20) continue;
    ctx.fillStyle = DIM;
    ctx.fillText(`${Math.round(mark / 10 * hz)}`, at, rail + 17);
  }
  ctx.textAlign = 'left';
  ctx.fillStyle = INK;
  ctx.fillText('server tick', x, rail + 17);
}

/** Inputs going down to the server and the world coming back up. */
function drawWire(ctx, at, top, rail, age, phase) {
  const x = Math.round(at);
  ctx.fillStyle = LINE;
  ctx.fillRect(x, top, 1, rail - top);
  ctx.fillStyle = INK;
  ctx.fillRect(x - 3, rail - 2, 7, 5);
  for (let born = Math.floor((age + phase) / PULSE_MS) * PULSE_MS; age + phase - born < TRAVEL_MS * 2; born -= PULSE_MS) {
    const way = (age + phase - born) / TRAVEL_MS;
    const down = way < 1;
    const y = down ? top + (rail - top) * way : rail - (rail - top) * (way - 1);
    ctx.fillStyle = down ? HOT : COOL;
    ctx.fillRect(x - 2, Math.round(y) - 3, 5, 6);
  }
}

/** A ball between two walls, until the match is there. */
function drift(ctx, { x, y, w, h }, age) {
  const fold = (v) => Math.abs(((v % 2) + 2) % 2 - 1);
  const r = w * 0.018;
  ctx.fillStyle = LINE;
  for (let i = 0; i < 9; i++) ctx.fillRect(x + w / 2, y + h * (i + 0.3) / 9, 1, h * 0.045);
  for (let i = 12; i >= 0; i--) {
    const t = age + 900 - i * 16;
    ctx.globalAlpha = i === 0 ? 1 : 0.16 * (1 - i / 12);
    ctx.fillStyle = INK;
    ctx.fillRect(x + w * (0.07 + 0.86 * fold(t / 1300)) - r, y + h * (0.1 + 0.8 * fold(t / 1750)) - r, r * 2, r * 2);
  }
  const ball = fold((age + 900) / 1750);
  ctx.fillStyle = HOT;
  ctx.fillRect(x + w * 0.035, y + h * (0.1 + 0.72 * ball) - h * 0.06, w * 0.014, h * 0.2);
  ctx.fillStyle = COOL;
  ctx.fillRect(x + w * 0.951, y + h * (0.1 + 0.72 * ball) - h * 0.06, w * 0.014, h * 0.2);
}
