import type { Scene } from './tickwire.js';

/** A part of the canvas, in CSS pixels. */
export interface Box { x: number; y: number; w: number; h: number }

/** Draws the picture of a game's own stage (`Session.frame`) on a 2D canvas. */
export class Painter {
  constructor(canvas: HTMLCanvasElement);
  /** Pixels of the device per CSS pixel, 2.5 at most. */
  readonly ratio: number;
  readonly ctx: CanvasRenderingContext2D;
  /** Follows the size of the canvas and the pixel ratio; true when the canvas was resized, and is blank. Call it in each frame. */
  fit(): boolean;
  /** Paints a scene so that its camera fills `box`. */
  paint(scene: Scene, box: Box): void;
  /** Lets go of the canvas for good. */
  close(): void;
  /** Empties the picture. */
  clear(): void;
  /** Writes the world point under a point of the canvas into `out`. */
  toWorld(pointX: number, pointY: number, out: { x: number; y: number }): void;
  /** The point of the canvas for a world point. */
  toCanvas(x: number, y: number): [number, number];
}
