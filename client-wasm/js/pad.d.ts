/** What `Pad.poll` gives: one stick, one pointer, and buttons, whatever the devices are. */
export interface PadState {
  /** The stick, −1 to 1 on each axis and at most 1 long; y points down. */
  x: number;
  y: number;
  /** The pointer, in CSS pixels from the upper left corner of the canvas. */
  pointX: number;
  pointY: number;
  /** Whether there is a pointer now: a mouse that was moved lately, or a finger. */
  aimed: boolean;
  /** A bit per button that is down or was tapped since the last poll. Bits 0 to 3: keys, mouse, gamepad and buttons on the screen; bit 4: a finger on the canvas. */
  buttons: number;
}

export interface PadOptions {
  /** An element with a knob in it, for the stick on a touch screen. */
  stick?: HTMLElement;
  /** An empty element, for the buttons on a touch screen. */
  buttons?: HTMLElement;
  /** Called when the device turns out to have a touch screen. */
  onTouch?: () => void;
}

/** Keyboard (arrows, WASD, space, shift, E, Q), mouse, touch and gamepads as one pad. */
export class Pad {
  constructor(canvas: HTMLElement, options?: PadOptions);
  /** Whether keys belong to the game; false at first, so that they belong to the page. */
  active: boolean;
  /** Reads every device. The same object each time. */
  poll(): PadState;
  /** Shows buttons on the screen: bit 0 is the first label. An empty label leaves its bit out. */
  label(labels: readonly string[]): void;
  /** Releases everything that is held, as when the window loses the keyboard. */
  release(): void;
  /** Lets go of all devices for good. */
  close(): void;
}
