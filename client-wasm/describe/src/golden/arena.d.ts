// Generated from the Rust code of the game `arena`: its world, inputs and events.
import type { Game, Table } from 'tickwire';

/**
 * The world. Lengths are in units, y points down, and objects bounce off the walls; speeds are in
 * units per tick, at 30 ticks a second.
 */
export interface World {
  /**
   * The vector from the upper left corner to the lower right one. From 0 to 4095 in steps of 1.
   */
  readonly size: { x: number; y: number };
  /** The clock and the score. */
  readonly round: Round;
  /** One ship for each seat that is taken. */
  readonly ships: Table<ShipColumns, Ship>;
  /** The shots in flight. */
  readonly shots: Table<ShotColumns, Shot>;
  /** The cover: rocks stay where they are. */
  readonly rocks: Table<RockColumns, Rock>;
  /** Drifting stones. */
  readonly debris: Table<ChunkColumns, Chunk>;
  /** Pick-ups, and the places where they will be. */
  readonly items: Table<ItemColumns, Item>;
}

/** A round, and the pause after it. */
export interface Round {
  /** The number of teams. From 2 to 4. */
  teams: number;
  /**
   * The number of kills that wins a round; when the time is up, the highest score wins. From 0 to
   * 65535.
   */
  goal: number;
  /** The length of a round, in seconds. From 0 to 65535. The server's own: clients read 0. */
  seconds: number;
  /** Whether the round goes on, or how it ended. */
  phase: Phase;
  /** Seconds until the phase ends. From 0 to 65535. */
  left_seconds: number;
  /** The kills of each team in this round. Always 4. From 0 to 65535. */
  scores: number[];
  /**
   * Only the server has a referee: a client never decides that a player is dead or that a team has
   * won. The server's own: clients read false.
   */
  referee: boolean;
}

/**
 * A player's ship: a circle of radius 12. `Ship` in columns: each array has an entry for each row.
 */
export interface ShipColumns {
  /** The player who flies it. The number of a seat, from 0; -1 for nobody. */
  seat: Int32Array;
  /** The number of its team. From 0 to 3. */
  team: Int32Array;
  /** Units per tick. From -16 to 16 in steps of 0.015625. */
  velocity: { x: Float32Array; y: Float32Array };
  /** Its middle. From 0 to 4095.9375 in steps of 0.0625. */
  at: { x: Float32Array; y: Float32Array };
  /**
   * The direction in which it points and shoots: 0 is right, a quarter turn is down. In radians,
   * from 0 up to a full turn: one of 1024 directions.
   */
  nose: Float32Array;
  /**
   * The direction in which the engine pushes; its flames are drawn from this. From -1 to 1 in steps
   * of 0.0625.
   */
  push: { x: Float32Array; y: Float32Array };
  /** Hit points: a ship without any is destroyed. From 0 to 100. */
  hp: Int32Array;
  /** The number of hits that the armour still absorbs. From 0 to 3. */
  plates: Int32Array;
  /** The player's kills in this round. From 0 to 65535. */
  score: Int32Array;
  /**
   * Above 45 (`SHIELD_TICKS`) the ship is away, above 0 it is shielded. Fractions appear on screen
   * only, between two ticks. From 0 to 128 in steps of 0.125.
   */
  rebirth_ticks: Float32Array;
  /** Counts down after a hit. From 0 to 5. */
  flash_ticks: Int32Array;
  /**
   * The charge that the gun has left: an enemy has to guess it. From 0 to 90. Only its owner
   * receives it: other clients read 0.
   */
  charge: Int32Array;
  /**
   * Ticks until the gun can fire again. From 0 to 5. Only its owner receives it: other clients read
   * 0.
   */
  reload_ticks: Int32Array;
  /**
   * Ticks for which the gun still fires faster. From 0 to 240. Only its owner receives it: other
   * clients read 0.
   */
  rapid_ticks: Int32Array;
  /**
   * The place where a wreck comes back, sent to its owner alone, so that no enemy can lie in wait
   * there. From 0 to 4095 in steps of 1. Only its owner receives it: other clients read none.
   */
  home: { some: Int32Array; value: { x: Float32Array; y: Float32Array } };
}

/** A player's ship: a circle of radius 12. */
export interface Ship {
  /** The player who flies it. The number of a seat, from 0; null for nobody. */
  seat: number | null;
  /** The number of its team. From 0 to 3. */
  team: number;
  /** Units per tick. From -16 to 16 in steps of 0.015625. */
  velocity: { x: number; y: number };
  /** Its middle. From 0 to 4095.9375 in steps of 0.0625. */
  at: { x: number; y: number };
  /**
   * The direction in which it points and shoots: 0 is right, a quarter turn is down. In radians,
   * from 0 up to a full turn: one of 1024 directions.
   */
  nose: number;
  /**
   * The direction in which the engine pushes; its flames are drawn from this. From -1 to 1 in steps
   * of 0.0625.
   */
  push: { x: number; y: number };
  /** Hit points: a ship without any is destroyed. From 0 to 100. */
  hp: number;
  /** The number of hits that the armour still absorbs. From 0 to 3. */
  plates: number;
  /** The player's kills in this round. From 0 to 65535. */
  score: number;
  /**
   * Above 45 (`SHIELD_TICKS`) the ship is away, above 0 it is shielded. Fractions appear on screen
   * only, between two ticks. From 0 to 128 in steps of 0.125.
   */
  rebirth_ticks: number;
  /** Counts down after a hit. From 0 to 5. */
  flash_ticks: number;
  /**
   * The charge that the gun has left: an enemy has to guess it. From 0 to 90. Only its owner
   * receives it: other clients read 0.
   */
  charge: number;
  /**
   * Ticks until the gun can fire again. From 0 to 5. Only its owner receives it: other clients read
   * 0.
   */
  reload_ticks: number;
  /**
   * Ticks for which the gun still fires faster. From 0 to 240. Only its owner receives it: other
   * clients read 0.
   */
  rapid_ticks: number;
  /**
   * The place where a wreck comes back, sent to its owner alone, so that no enemy can lie in wait
   * there. From 0 to 4095 in steps of 1. Only its owner receives it: other clients read null.
   */
  home: { x: number; y: number } | null;
}

/** A shot in flight. `Shot` in columns: each array has an entry for each row. */
export interface ShotColumns {
  /** The player who shot it. The number of a seat, from 0; -1 for nobody. */
  seat: Int32Array;
  /** The number of the team that it does no harm to. From 0 to 3. */
  team: Int32Array;
  /** Its place. From 0 to 4095.9375 in steps of 0.0625. */
  at: { x: Float32Array; y: Float32Array };
  /** Units per tick. From -32 to 32 in steps of 0.015625. */
  velocity: { x: Float32Array; y: Float32Array };
  /** Ticks until it is spent. From 0 to 26. */
  life_ticks: Int32Array;
}

/** A shot in flight. */
export interface Shot {
  /** The player who shot it. The number of a seat, from 0; null for nobody. */
  seat: number | null;
  /** The number of the team that it does no harm to. From 0 to 3. */
  team: number;
  /** Its place. From 0 to 4095.9375 in steps of 0.0625. */
  at: { x: number; y: number };
  /** Units per tick. From -32 to 32 in steps of 0.015625. */
  velocity: { x: number; y: number };
  /** Ticks until it is spent. From 0 to 26. */
  life_ticks: number;
}

/**
 * Cover: a rock stops ships and shots, and blocks sight. `Rock` in columns: each array has an entry
 * for each row.
 */
export interface RockColumns {
  /** Its middle. From 0 to 4095 in steps of 1. */
  at: { x: Float32Array; y: Float32Array };
  /** Its size. From 16 to 143 in steps of 1. */
  radius: Float32Array;
}

/** Cover: a rock stops ships and shots, and blocks sight. */
export interface Rock {
  /** Its middle. From 0 to 4095 in steps of 1. */
  at: { x: number; y: number };
  /** Its size. From 16 to 143 in steps of 1. */
  radius: number;
}

/**
 * A drifting stone: it stops ships and shots until it bursts, and it comes back after a while.
 * `Chunk` in columns: each array has an entry for each row.
 */
export interface ChunkColumns {
  /** Its middle. From 0 to 4095.9375 in steps of 0.0625. */
  at: { x: Float32Array; y: Float32Array };
  /** Units per tick. From -2 to 2 in steps of 0.0625. */
  velocity: { x: Float32Array; y: Float32Array };
  /** 0 while the stone is away and nothing can meet it. From 0 to 2. */
  hp: Int32Array;
  /** Ticks until it comes back. From 0 to 65535. The server's own: clients read 0. */
  wait_ticks: Int32Array;
}

/** A drifting stone: it stops ships and shots until it bursts, and it comes back after a while. */
export interface Chunk {
  /** Its middle. From 0 to 4095.9375 in steps of 0.0625. */
  at: { x: number; y: number };
  /** Units per tick. From -2 to 2 in steps of 0.0625. */
  velocity: { x: number; y: number };
  /** 0 while the stone is away and nothing can meet it. From 0 to 2. */
  hp: number;
  /** Ticks until it comes back. From 0 to 65535. The server's own: clients read 0. */
  wait_ticks: number;
}

/**
 * A pick-up, and the place where the next one will be. `Item` in columns: each array has an entry
 * for each row.
 */
export interface ItemColumns {
  /** Its middle. From 0 to 4095 in steps of 1. */
  at: { x: Float32Array; y: Float32Array };
  /** The effect of the pick-up that is there, or of the next one. 0 Repair, 1 Rapid, 2 Armour. */
  gift: Int32Array;
  /** Whether the pick-up is there. 0 or 1. */
  is_there: Int32Array;
  /** Ticks until the next one is there. From 0 to 65535. The server's own: clients read 0. */
  wait_ticks: Int32Array;
}

/** A pick-up, and the place where the next one will be. */
export interface Item {
  /** Its middle. From 0 to 4095 in steps of 1. */
  at: { x: number; y: number };
  /** The effect of the pick-up that is there, or of the next one. */
  gift: Gift;
  /** Whether the pick-up is there. */
  is_there: boolean;
  /** Ticks until the next one is there. From 0 to 65535. The server's own: clients read 0. */
  wait_ticks: number;
}

/** A round, or the pause after one. */
export type Phase =
  /** The round goes on. */
  | { kind: 'Play' }
  /** A team won. */
  | {
      kind: 'Won';
      /** The number of the team. From 0 to 3. */
      team: number;
    }
  /** Nobody won. */
  | { kind: 'Drawn' };

/**
 * The effect of a pick-up. The effects take turns, so that no dice decide which one comes next.
 */
export type Gift =
  /** Hit points. */
  | 'Repair'
  /** A gun that fires faster for a while. */
  | 'Rapid'
  /** Plates that absorb hits. */
  | 'Armour';

/** The input of a player in one tick. A field that is left out is neutral. */
export interface Input {
  /**
   * The direction of the thrust, and without `aim` also that of the nose. From -1 to 1 in steps of
   * 0.125.
   */
  stick?: { x?: number; y?: number };
  /** The place that the nose is to point at. From -400 to 4496 in steps of 2. */
  aim?: { x?: number; y?: number } | null;
  /** Shoot as soon as the gun can. */
  fire?: boolean;
}

/** An event that is heard, or seen as an explosion; each player receives their own side of it. */
export interface Event {
  /** The kind of the event. */
  what: What;
  /** The seat of the player that it happened to. The number of a seat, from 0. */
  who: number | null;
  /** The place of the event, if it is not the place of `who`. From 0 to 4096 in steps of 16. */
  at: { x: number; y: number };
}

/** The kinds of `ArenaEvent`s. */
export type What =
  /** You shot. */
  | 'Shot'
  /** Another player near you shot. */
  | 'FarShot'
  /** You hit a ship. */
  | 'Hit'
  /** You were hit. */
  | 'Hurt'
  /** A ship near you was hit. */
  | 'FarHit'
  /** You destroyed a ship. */
  | 'Kill'
  /** You were destroyed. */
  | 'Death'
  /** A ship near you was destroyed. */
  | 'Blast'
  /** You are back. */
  | 'Spawn'
  /** A shot met a rock or a stone near you. */
  | 'Chip'
  /** A stone near you burst. */
  | 'Crumble'
  /** You picked up a repair. */
  | 'Repair'
  /** You picked up faster fire. */
  | 'Rapid'
  /** You picked up armour. */
  | 'Armour'
  /** The round is over. */
  | 'Over'
  /** A round begins. */
  | 'Begin';

/** Arena: what `connect` takes. */
declare const game: Game<World, Input, Event>;
export default game;
