// Generated from the Rust code of the game `paddles`: its world, inputs and events.
import type { Game } from 'tickwire';

/**
 * The world. The attributes of a field define how it is sent; all players' machines predict the
 * fields marked `predict`.
 */
export interface World {
  /** Left, then right. Always 2. */
  readonly sides: Side[];
  /** The ball. */
  readonly ball: Ball;
  /** Ticks until the ball flies; 0 while it does. From 0 to 255. */
  readonly pause_ticks: number;
}

/** One end of the field. */
export interface Side {
  /**
   * The player of this side: the player's machine predicts it. A side without a player is a wall to
   * practise against. The number of a seat, from 0; null for nobody.
   */
  seat: number | null;
  /** The middle of the paddle. From 0 to 180 in steps of 0.0625. */
  y: number;
  /** The points of this side. From 0 to 255. */
  score: number;
}

/** The ball, a circle of radius 3. */
export interface Ball {
  /** Its middle. From -40 to 360 in steps of 0.0625. */
  at: { x: number; y: number };
  /** Zero until the direction of the next serve is drawn. From -8 to 8 in steps of 0.015625. */
  velocity: { x: number; y: number };
  /** The number of hits since the serve: each hit makes the ball faster. From 0 to 255. */
  rally: number;
}

/** The input of a player in one tick. A field that is left out is neutral. */
export type Input =
  /** The paddle does not move. */
  | { kind: 'Rest' }
  /** The paddle moves up (−1) or down (1), or slower in between. */
  | {
      kind: 'Steer';
      /** From -1 to 1 in steps of 0.25. */
      0?: number;
    }
  /** The paddle moves towards this height, as fast as it can. */
  | {
      kind: 'To';
      /** From 0 to 180 in steps of 0.5. */
      0?: number;
    };

/** The sounds of the game. */
export type Event =
  /** The ball met a wall. */
  | { kind: 'Bounce' }
  /** A paddle met the ball, the n-th time since the serve. */
  | {
      kind: 'Hit';
      /** From 0 to 255. */
      0: number;
    }
  /** The ball is lost. */
  | { kind: 'Goal' }
  /** A side won the last point, and with it the game. */
  | { kind: 'Win' };

/** Paddles: what `connect` takes. */
declare const game: Game<World, Input, Event>;
export default game;
