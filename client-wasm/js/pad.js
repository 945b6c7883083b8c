// Keyboard, mouse, touch and gamepad as one pad: a stick, a pointer and buttons. The game decides on their meaning.
// The pointer's place is counted from the upper left corner of the canvas, in CSS pixels.

const STEER = {
  ArrowLeft: [-1, 0], KeyA: [-1, 0], ArrowRight: [1, 0], KeyD: [1, 0],
  ArrowUp: [0, -1], KeyW: [0, -1], ArrowDown: [0, 1], KeyS: [0, 1],
};
const BUTTON = { Space: 1, KeyJ: 1, ShiftLeft: 2, ShiftRight: 2, KeyK: 2, KeyE: 4, KeyL: 4, KeyQ: 8 };
// The primary and the secondary mouse button are buttons 0 and 1.
const MOUSE_BUTTONS = 3;
// The button of a finger on the picture.
const FINGER = 16;
const DEAD_ZONE = 0.18;
const STICK_PX = 52;
const MOUSE_IDLE_MS = 2000;

let gamepadsForbidden = false;

/** The gamepads. A frame without the permission throws on each question: it is asked once, then left alone. */
function gamepads() {
  if (gamepadsForbidden) return [];
  try {
    return navigator.getGamepads();
  } catch {
    gamepadsForbidden = true;
    return [];
  }
}

/** Reads every device; `poll` fills and returns the same object each frame. */
export class Pad {
  /** Whether keys belong to the game: false in the lobby, where they belong to the page. */
  active = false;
  state = { x: 0, y: 0, pointX: 0, pointY: 0, aimed: false, buttons: 0 };
  #held = new Set();
  #mouse = 0;
  #touched = 0;
  // Buttons pressed since the last poll, released or not; and whether the finger was lifted since.
  #tapped = 0;
  #lifted = false;
  #stick = { id: null, x: 0, y: 0 };
  #pointer = null;
  #pointed = 0;
  #plugged = false;
  #buttons;
  #ends = new AbortController();

  /**
   * `canvas` takes mouse and fingers; `stick` (an element with a knob in it) and `buttons` (an empty one) are the
   * controls on the screen, for pages that have them. `onTouch` is called for a device with a touch screen.
   */
  constructor(canvas, { stick, buttons, onTouch } = {}) {
    this.#keyboard();
    this.#point(canvas);
    if (stick) this.#steer(stick);
    this.#buttons = buttons;
    // The browser tells of a gamepad once, and a later pad has to look.
    this.#plugged = gamepads().some(Boolean);
    this.#listen(window, 'gamepadconnected', () => { this.#plugged = true; });
    this.#listen(window, 'pointerdown', ({ pointerType }) => {
      if (pointerType === 'touch') onTouch?.();
    }, { capture: true, passive: true });
    if (matchMedia('(pointer: coarse)').matches) onTouch?.();
  }

  /** Lets go of all devices for good. */
  close() {
    this.#ends.abort();
    this.release();
  }

  #listen(target, kind, listener, options) {
    target.addEventListener(kind, listener, { ...options, signal: this.#ends.signal });
  }

  /** Releases all keys and buttons, as when the window loses the keyboard. */
  release() {
    this.#held.clear();
    this.#mouse = this.#touched = this.#tapped = 0;
    Object.assign(this.#stick, { id: null, x: 0, y: 0 });
    this.#lifted = false;
    this.state.aimed = false;
    this.#pointer = null;
  }

  /** Shows the game's on-screen buttons: bit 0 is the first label. A button without a label is left out. */
  label(labels) {
    this.#touched = 0;
    this.#buttons?.replaceChildren(...labels.flatMap((text, bit) => {
      if (!text) return [];
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = text;
      const hold = (on) => {
        this.#touched = on ? this.#touched | (1 << bit) : this.#touched & ~(1 << bit);
        if (on) this.#tapped |= 1 << bit;
        button.classList.toggle('held', on);
      };
      button.onpointerdown = (event) => {
        event.preventDefault();
        button.setPointerCapture(event.pointerId);
        hold(true);
      };
      button.onpointerup = button.onpointercancel = button.onlostpointercapture = () => hold(false);
      return button;
    }));
  }

  poll() {
    const state = this.state;
    state.x = this.#stick.x;
    state.y = this.#stick.y;
    state.buttons = this.#mouse | this.#touched | this.#tapped | (this.#pointer === null ? 0 : FINGER);
    // A tap between two frames has a point too: it stays aimed for one poll.
    if (this.#lifted && !(this.#tapped & FINGER)) this.#lifted = state.aimed = false;
    this.#tapped = 0;
    for (const code of this.#held) {
      const way = STEER[code];
      if (way) {
        state.x += way[0];
        state.y += way[1];
      } else {
        state.buttons |= BUTTON[code];
      }
    }
    if (this.#plugged) this.#gamepad(state);
    const length = Math.hypot(state.x, state.y);
    if (length > 1) {
      state.x /= length;
      state.y /= length;
    }
    return state;
  }

  #keyboard() {
    this.#listen(window, 'keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.active) return;
      if (!STEER[event.code] && !BUTTON[event.code]) return;
      // A focused button or slider keeps its own keys.
      if (event.target instanceof Element && event.target.closest('button, input, dialog')) return;
      event.preventDefault();
      this.#held.add(event.code);
      if (!event.repeat) this.#tapped |= BUTTON[event.code] ?? 0;
      // A resting mouse must not override the keys; it counts again once it moves.
      const idle = this.#mouse === 0 && performance.now() - this.#pointed > MOUSE_IDLE_MS;
      if (STEER[event.code] && this.#pointer === null && idle) this.state.aimed = false;
    });
    this.#listen(window, 'keyup', ({ code }) => this.#held.delete(code));
    this.#listen(window, 'blur', () => this.release());
  }

  #point(canvas) {
    const at = ({ offsetX, offsetY }) => {
      this.state.pointX = offsetX;
      this.state.pointY = offsetY;
      this.state.aimed = true;
      this.#lifted = false;
      this.#pointed = performance.now();
    };
    this.#listen(canvas, 'pointermove', (event) => {
      if (event.pointerType === 'mouse') this.#mouse = event.buttons & MOUSE_BUTTONS;
      if (event.pointerType === 'mouse' || event.pointerId === this.#pointer) at(event);
    });
    this.#listen(canvas, 'pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      if (event.pointerType === 'mouse') this.#tapped |= this.#mouse = event.buttons & MOUSE_BUTTONS;
      else this.#pointer ??= event.pointerId;
      if (event.pointerId === this.#pointer) this.#tapped |= FINGER;
      if (event.pointerType === 'mouse' || event.pointerId === this.#pointer) at(event);
    });
    const up = (event) => {
      if (event.pointerType === 'mouse') {
        this.#mouse = event.buttons & MOUSE_BUTTONS;
      } else if (event.pointerId === this.#pointer) {
        this.#pointer = null;
        this.#lifted = true;
      }
    };
    this.#listen(canvas, 'pointerup', up);
    this.#listen(canvas, 'pointercancel', (event) => {
      // The browser uses the finger for a gesture of its own.
      if (event.pointerId === this.#pointer) this.#tapped &= ~FINGER;
      up(event);
    });
    this.#listen(canvas, 'contextmenu', (event) => { if (this.active) event.preventDefault(); });
  }

  #steer(element) {
    const stick = this.#stick;
    const knob = element.firstElementChild;
    const move = ({ clientX, clientY }) => {
      const box = element.getBoundingClientRect();
      const dx = clientX - box.x - box.width / 2;
      const dy = clientY - box.y - box.height / 2;
      const pull = Math.hypot(dx, dy) || 1;
      const reach = Math.min(pull, STICK_PX);
      const push = reach / STICK_PX < DEAD_ZONE ? 0 : 1;
      stick.x = (dx / pull) * (reach / STICK_PX) * push;
      stick.y = (dy / pull) * (reach / STICK_PX) * push;
      knob.style.transform = `translate(${(dx / pull) * reach}px, ${(dy / pull) * reach}px)`;
    };
    this.#listen(element, 'pointerdown', (event) => {
      event.preventDefault();
      if (stick.id !== null) return;
      stick.id = event.pointerId;
      element.setPointerCapture(event.pointerId);
      move(event);
    });
    this.#listen(element, 'pointermove', (event) => { if (event.pointerId === stick.id) move(event); });
    for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) {
      this.#listen(element, end, (event) => {
        if (event.pointerId !== stick.id) return;
        stick.id = null;
        stick.x = stick.y = 0;
        knob.style.transform = '';
      });
    }
  }

  #gamepad(state) {
    for (const pad of gamepads()) {
      if (!pad?.connected) continue;
      const down = (i) => (pad.buttons[i]?.pressed ? 1 : 0);
      const [x = 0, y = 0] = pad.axes;
      if (Math.hypot(x, y) > DEAD_ZONE) {
        state.x += x;
        state.y += y;
      }
      const [dx, dy] = pad.mapping === 'standard' ? [down(15) - down(14), down(13) - down(12)] : cross(pad.axes);
      state.x += dx;
      state.y += dy;
      // The first four buttons are the same on every pad; the trigger has its number on a standard one alone.
      state.buttons |= (down(0) | (pad.mapping === 'standard' ? down(7) : 0)) | (down(1) << 1) | (down(2) << 2) | (down(3) << 3);
    }
  }
}

/**
 * The direction cross of a gamepad without the standard mapping. It is a pair of axes (6 and 7), or one (9) that goes
 * round in eighths from -1, which is up, and rests beyond 1. Values between are those of a stick or a trigger.
 */
function cross(axes) {
  const whole = (value) => (Math.abs(value) === 1 ? value : 0);
  const round = axes.length > 9 ? Math.round((axes[9] + 1) * 3.5) : 8;
  if (round >= 0 && round < 8 && Math.abs(axes[9] - (round / 3.5 - 1)) < 0.02) {
    const turn = (round * Math.PI) / 4;
    return [Math.round(Math.sin(turn)), -Math.round(Math.cos(turn))];
  }
  return axes.length > 7 && axes.length < 10 ? [whole(axes[6]), whole(axes[7])] : [0, 0];
}
