// Draws the picture of a game's own stage (a flat row of numbers and a list of strings, see `Scene` in the game library)
// on a 2D canvas.
// Successive shapes of one style become one path; glows are sprites kept per colour.

const RATIO_MAX = 2.5;
const GLOW_PX = 64;
const GLOWS_MAX = 64;
const DOTS_MAX = 256;
// Lights this large have a white core.
const HOT_PX = 9;
const TAU = Math.PI * 2;
const BLANK = '#0e0d0b';
const [CAMERA, CLEAR, CIRCLE, RECT, RING, LINE, POLYGON, TEXT, GLOW, DOTS, DASHES, CAMERA_AT_TOP] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const ALIGN = ['left', 'center', 'right'];
const FACE = 'Bahnschrift, "DIN Alternate", "Roboto Condensed", "DejaVu Sans Condensed", system-ui, sans-serif';

const colours = new Map();
function css(rgb) {
  let text = colours.get(rgb);
  if (!text) colours.set(rgb, text = `#${(rgb & 0xffffff).toString(16).padStart(6, '0')}`);
  return text;
}

/** Lights of one kind, drawn once per colour and size: thousands of them are then copied. Large ones have a white core. */
function lights(max, stops, hotPx) {
  const known = new Map();
  return (rgb, px) => {
    const key = rgb * 1024 + px;
    let sprite = known.get(key);
    if (sprite) return sprite;
    if (known.size >= max) known.clear();
    known.set(key, sprite = document.createElement('canvas'));
    sprite.width = sprite.height = px;
    const ctx = sprite.getContext('2d');
    const half = px / 2;
    const fill = (radius, colour, alphas) => {
      const fade = ctx.createRadialGradient(half, half, 0, half, half, radius);
      for (const [at, alpha] of alphas) fade.addColorStop(at, colour + alpha);
      ctx.fillStyle = fade;
      ctx.fillRect(0, 0, px, px);
    };
    fill(half, css(rgb), stops);
    if (px >= hotPx) fill(half * 0.3, '#ffffff', [[0, 'd0'], [1, '00']]);
    return sprite;
  };
}
const glow = lights(GLOWS_MAX, [[0, 'ff'], [0.25, '8c'], [0.5, '38'], [0.75, '0e'], [1, '00']], Infinity);
const dot = lights(DOTS_MAX, [[0, 'ff'], [0.38, 'f0'], [0.5, '58'], [0.72, '20'], [1, '00']], HOT_PX);

/** Owns the canvas: its size in device pixels, and the mapping from the world to the screen and back. */
export class Painter {
  ratio = 1;
  #canvas;
  #ctx;
  #sizes = new ResizeObserver(() => { this.width = 0; });
  #scale = 1;
  #x = 0;
  #y = 0;
  // The style of the current path: op 0 is none.
  #op = 0;
  #rgb = 0;
  #alpha = 0;
  #width = 0;
  #light = false;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#ctx = canvas.getContext('2d', { alpha: false });
    this.#sizes.observe(canvas);
    this.width = 0;
    // Until the first picture, an opaque canvas would be black.
    this.clear();
  }

  get ctx() {
    return this.#ctx;
  }

  /** Follows the window and the pixel ratio; true when the canvas was resized, and is blank. */
  fit() {
    const ratio = Math.min(devicePixelRatio || 1, RATIO_MAX);
    if (this.width && ratio === this.ratio) return false;
    this.ratio = ratio;
    this.width = this.#canvas.clientWidth;
    this.height = this.#canvas.clientHeight;
    this.#canvas.width = Math.round(this.width * ratio);
    this.#canvas.height = Math.round(this.height * ratio);
    return true;
  }

  /** Lets go of the canvas for good. */
  close() {
    this.#sizes.disconnect();
  }

  /** Empties the picture, for a game that has not drawn yet. */
  clear() {
    const { width, height } = this.#canvas;
    this.#ctx.setTransform(1, 0, 0, 1, 0, 0);
    this.#ctx.globalAlpha = 1;
    this.#ctx.fillStyle = BLANK;
    this.#ctx.fillRect(0, 0, width, height);
  }

  /** Writes the world point under a point of the canvas into `out`. */
  toWorld(pointX, pointY, out) {
    out.x = (pointX * this.ratio - this.#x) / this.#scale;
    out.y = (pointY * this.ratio - this.#y) / this.#scale;
  }

  /** The point of the canvas for a world point. */
  toCanvas(x, y) {
    return [(x * this.#scale + this.#x) / this.ratio, (y * this.#scale + this.#y) / this.ratio];
  }

  /** Paints a scene so that its camera rectangle fills `box` (CSS pixels of the canvas); the world around it is drawn too. */
  paint({ numbers, texts }, box) {
    const ctx = this.#ctx;
    ctx.lineCap = ctx.lineJoin = 'round';
    let i = 0;
    while (i < numbers.length) i = this.#command(ctx, numbers, texts, box, i);
    this.#lighten(false);
    ctx.globalAlpha = 1;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
  }

  #command(ctx, s, texts, box, i) {
    switch (s[i]) {
      case CAMERA:
      case CAMERA_AT_TOP:
        this.#flush();
        this.#aim(box, s[i + 1], s[i + 2], s[i + 3], s[i + 4], s[i] === CAMERA_AT_TOP);
        return i + 5;
      case CLEAR:
        this.#flush();
        ctx.setTransform(1, 0, 0, 1, 0, 0);
        ctx.globalAlpha = s[i + 2];
        ctx.fillStyle = css(s[i + 1]);
        ctx.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
        this.#place();
        return i + 3;
      case CIRCLE:
        this.#begin(CIRCLE, s[i + 4], s[i + 5], 0);
        ctx.moveTo(s[i + 1] + s[i + 3], s[i + 2]);
        ctx.arc(s[i + 1], s[i + 2], Math.max(s[i + 3], 0), 0, TAU);
        return i + 6;
      case RECT:
        this.#begin(RECT, s[i + 6], s[i + 7], 0);
        this.#rect(ctx, s[i + 1], s[i + 2], s[i + 3] / 2, s[i + 4] / 2, s[i + 5]);
        return i + 8;
      case RING:
        this.#begin(RING, s[i + 5], s[i + 6], s[i + 4]);
        ctx.moveTo(s[i + 1] + s[i + 3], s[i + 2]);
        ctx.arc(s[i + 1], s[i + 2], Math.max(s[i + 3], 0), 0, TAU);
        return i + 7;
      case LINE:
        this.#begin(LINE, s[i + 6], s[i + 7], s[i + 5]);
        ctx.moveTo(s[i + 1], s[i + 2]);
        ctx.lineTo(s[i + 3], s[i + 4]);
        return i + 8;
      case POLYGON:
        return this.#polygon(ctx, s, i);
      case TEXT:
        this.#text(ctx, s, texts[s[i + 7]] ?? '', i);
        return i + 8;
      case GLOW:
        this.#lighten(true);
        ctx.globalAlpha = s[i + 5];
        ctx.drawImage(glow(s[i + 4], GLOW_PX), s[i + 1] - s[i + 3], s[i + 2] - s[i + 3], s[i + 3] * 2, s[i + 3] * 2);
        return i + 6;
      case DOTS:
        return this.#dots(ctx, s, i);
      case DASHES:
        return this.#dashes(ctx, s, i);
      default:
        // The command's length is unknown, so no command after it can be read.
        return s.length;
    }
  }

  #aim(box, cx, cy, w, h, atTop) {
    this.#scale = Math.min(box.w / w, box.h / h) * this.ratio;
    this.#x = (box.x + box.w / 2) * this.ratio - cx * this.#scale;
    this.#y = (box.y + (atTop ? 0 : box.h / 2)) * this.ratio - (atTop ? cy - h / 2 : cy) * this.#scale;
    this.#place();
  }

  #place() {
    this.#ctx.setTransform(this.#scale, 0, 0, this.#scale, this.#x, this.#y);
  }

  #rect(ctx, cx, cy, w, h, angle) {
    if (angle === 0) {
      ctx.rect(cx - w, cy - h, w * 2, h * 2);
      return;
    }
    const c = Math.cos(angle);
    const s = Math.sin(angle);
    ctx.moveTo(cx - w * c + h * s, cy - w * s - h * c);
    ctx.lineTo(cx + w * c + h * s, cy + w * s - h * c);
    ctx.lineTo(cx + w * c - h * s, cy + w * s + h * c);
    ctx.lineTo(cx - w * c - h * s, cy - w * s + h * c);
    ctx.closePath();
  }

  #polygon(ctx, s, i) {
    const end = i + 4 + s[i + 1] * 2;
    // Polygons are never joined: where two overlap in opposite winding, a joined path has a hole.
    this.#flush();
    this.#begin(POLYGON, s[i + 2], s[i + 3], 0);
    for (let at = i + 4; at < end; at += 2) ctx.lineTo(s[at], s[at + 1]);
    ctx.closePath();
    return end;
  }

  #dots(ctx, s, i) {
    const end = i + 5 + s[i + 1] * 2;
    const scale = this.#scale;
    const px = Math.min(Math.max(Math.round(s[i + 2] * 2 * scale), 3), 1023);
    const sprite = dot(s[i + 3], px);
    const x = this.#x - px / 2;
    const y = this.#y - px / 2;
    // Dots are not added up: crowds would turn white and lose their colour.
    this.#lighten(false);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalAlpha = s[i + 4];
    const { width, height } = this.#canvas;
    for (let at = i + 5; at < end; at += 2) {
      const left = s[at] * scale + x;
      const top = s[at + 1] * scale + y;
      if (left > -px && left < width && top > -px && top < height) ctx.drawImage(sprite, left, top);
    }
    this.#place();
    return end;
  }

  #dashes(ctx, s, i) {
    const end = i + 5 + s[i + 1] * 4;
    this.#begin(LINE, s[i + 3], s[i + 4], s[i + 2]);
    for (let at = i + 5; at < end; at += 4) {
      ctx.moveTo(s[at], s[at + 1]);
      ctx.lineTo(s[at + 2], s[at + 3]);
    }
    return end;
  }

  #text(ctx, s, text, i) {
    this.#lighten(false);
    const px = s[i + 3] * this.#scale;
    // Text is drawn in device pixels: a font of two world units scaled up would be hinted for two pixels.
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.font = `700 ${px.toFixed(1)}px ${FACE}`;
    ctx.textAlign = ALIGN[s[i + 4] + 1];
    ctx.textBaseline = 'middle';
    ctx.globalAlpha = s[i + 6];
    ctx.fillStyle = css(s[i + 5]);
    ctx.fillText(text, s[i + 1] * this.#scale + this.#x, s[i + 2] * this.#scale + this.#y);
    this.#place();
  }

  #begin(op, rgb, alpha, width) {
    if (op === this.#op && rgb === this.#rgb && alpha === this.#alpha && width === this.#width) return;
    this.#lighten(false);
    this.#op = op;
    this.#rgb = rgb;
    this.#alpha = alpha;
    this.#width = width;
    this.#ctx.beginPath();
  }

  #flush() {
    if (this.#op === 0) return;
    const ctx = this.#ctx;
    ctx.globalAlpha = this.#alpha;
    if (this.#op === LINE || this.#op === RING) {
      ctx.strokeStyle = css(this.#rgb);
      // A line thinner than a device pixel would flicker on a small screen.
      ctx.lineWidth = Math.max(this.#width, 1 / this.#scale);
      ctx.stroke();
    } else {
      ctx.fillStyle = css(this.#rgb);
      ctx.fill();
    }
    this.#op = 0;
  }

  /** Ends the current path; whether what follows is added to the light of the picture. */
  #lighten(on) {
    this.#flush();
    if (on === this.#light) return;
    this.#light = on;
    this.#ctx.globalCompositeOperation = on ? 'lighter' : 'source-over';
  }
}
