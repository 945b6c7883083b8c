// Generated from the Rust code of the game `swarm`: its world, inputs and events.
import type { Game, Table } from 'tickwire';

/**
 * The world. Lengths are in units, y points down; speeds are in units per tick, at 20 ticks a
 * second.
 */
export interface World {
  /** All units there will ever be, the dead included: unit number `n` belongs to army `n % 8`. */
  readonly units: Table<UnitColumns, Unit>;
  /** One army for each seat. Always 8. */
  readonly armies: Army[];
  /** The places that armies fight for. Always 9. */
  readonly wells: Well[];
  /** Whether the round goes on, or how it ended. */
  readonly phase: Phase;
  /** Ticks until the phase ends. From 0 to 65535. */
  readonly left_ticks: number;
}

/**
 * One unit of thousands: nine numbers. `Unit` in columns: each array has an entry for each row.
 */
export interface UnitColumns {
  /** Its place. From 0 to 2047.9375 in steps of 0.0625. */
  at: { x: Float32Array; y: Float32Array };
  /** Units of length per tick. From -4 to 4 in steps of 0.0625. */
  velocity: { x: Float32Array; y: Float32Array };
  /** The place that the unit was sent to. */
  goal: SpotColumns;
  /** The number of the unit that it fights, plus one; 0 for none. From 0 to 4000. */
  foe: Int32Array;
  /** 0 for a dead unit. From 0 to 5. */
  hp: Int32Array;
  /** Ticks until the next shot, or until the unit comes back. From 0 to 240. */
  wait_ticks: Int32Array;
  /** Whether its army's player has selected it. 0 or 1. */
  is_selected: Int32Array;
}

/** One unit of thousands: nine numbers. */
export interface Unit {
  /** Its place. From 0 to 2047.9375 in steps of 0.0625. */
  at: { x: number; y: number };
  /** Units of length per tick. From -4 to 4 in steps of 0.0625. */
  velocity: { x: number; y: number };
  /** The place that the unit was sent to. */
  goal: Spot;
  /** The number of the unit that it fights, plus one; 0 for none. From 0 to 4000. */
  foe: number;
  /** 0 for a dead unit. From 0 to 5. */
  hp: number;
  /** Ticks until the next shot, or until the unit comes back. From 0 to 240. */
  wait_ticks: number;
  /** Whether its army's player has selected it. */
  is_selected: boolean;
}

/** An army, with the view and the pointer of its player. */
export interface Army {
  /** Whether a player leads it. */
  is_taken: boolean;
  /** The points of the round so far. From 0 to 65535. */
  score: number;
  /** The middle of the player's view. From 0 to 2048 in steps of 1. */
  eye: { x: number; y: number };
  /** The place in the world where the finger or mouse was last. From 0 to 2048 in steps of 1. */
  cursor: { x: number; y: number };
  /** The effect of the player's finger or mouse button. */
  grip: Grip;
  /** The place of the last order: units that come back go there. */
  rally: Spot;
  /** Ticks since the last order. From 0 to 255. */
  order_ticks: number;
}

/** A place that scores for the army that holds it. */
export interface Well {
  /** The number of the army that holds it. From 0 to 7. */
  owner: number | null;
  /** How firmly the owner holds it. From 0 to 12. */
  hold: number;
}

/** A round, or the pause after one. */
export type Phase =
  /** The round goes on. */
  | { kind: 'Play' }
  /** An army won. */
  | {
      kind: 'Won';
      /** The number of the army. From 0 to 7. */
      army: number;
    };

/**
 * A place to within four units, in one number. `Spot` in columns: each array has an entry for each
 * row.
 */
export interface SpotColumns {
  /** From 0 to 65535. */
  0: Int32Array;
}

/** A place to within four units, in one number. */
export interface Spot {
  /** From 0 to 65535. */
  0: number;
}

/** The effect of a finger or mouse button that is down. */
export type Grip =
  /** It is up. */
  | { kind: 'Free' }
  /** It draws a box from here to the cursor. */
  | {
      kind: 'Box';
      /** The corner where the box began. From 0 to 2048 in steps of 1. */
      from: { x: number; y: number };
    }
  /** It moves the view on the map. */
  | { kind: 'Map' };

/**
 * The input of a player in one tick: mostly the same as in the last one. A field that is left out
 * is neutral.
 */
export interface Input {
  /** Moves the view; 4 is full speed. From -4 to 4. */
  pan_x?: number;
  /** Moves the view; 4 is full speed. From -4 to 4. */
  pan_y?: number;
  /**
   * The place of the finger or mouse, from the middle of the view; `None` while it does not matter.
   * From -1024 to 1024 in steps of 2.
   */
  point?: { x?: number; y?: number } | null;
  /** While held down, it draws a box or moves the view on the map; a short touch is an order. */
  press?: boolean;
  /** Send the selected units to the point. A command: it takes effect in one tick. */
  order?: boolean;
  /** Select the whole army. A command: it takes effect in one tick. */
  all?: boolean;
}

/** An event that is heard, or seen as an explosion. */
export type Event =
  /** A unit fell. */
  | {
      kind: 'Fallen';
      /** The army of the unit. From 0 to 7. */
      army: number;
      /** The place where it fell. From 0 to 2048 in steps of 8. */
      at: { x: number; y: number };
    }
  /** Units fight where you look. */
  | { kind: 'Clash' }
  /** You sent units somewhere. */
  | { kind: 'Sent' }
  /** An army took a well. */
  | {
      kind: 'Captured';
      /** The army that took it. From 0 to 7. */
      army: number;
      /** The number of the well. From 0 to 8. */
      well: number;
    }
  /** The round is over. */
  | {
      kind: 'Won';
      /** The army that won it. From 0 to 7. */
      army: number;
    }
  /** A round begins. */
  | { kind: 'Begin' };

/** Swarm: what `connect` takes. */
declare const game: Game<World, Input, Event>;
export default game;
