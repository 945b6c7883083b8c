// Generated from the Rust code of the game `kinds`: its world, inputs and events.
import type { Game, Table } from 'tickwire';

/** One of each. `*\/` ends no comment, and `Seat` is no link here. */
export interface World {
  /** From -2147483648 to 2147483647. */
  readonly level: number;
  /** From 0 to 4294967295. */
  readonly mask: number;
  /** From 9223372036854775806 to 9223372036854775809. */
  readonly far: bigint;
  readonly age: bigint;
  /** From -0.5 to 0.5 in steps of 0.1. */
  readonly lean: number;
  /** In radians, from 0 up to a full turn: one of 4096 directions. */
  readonly heading: number;
  /** A direction: one of 8 around the circle, from 0. */
  readonly dial: number;
  /** A unit quaternion. The server's own: clients read nothing of it. */
  readonly pose: { x: number; y: number; z: number; w: number };
  readonly is_open: boolean;
  /** The number of a seat, from 0. */
  readonly seat: number;
  /** The number of a seat, from 0. */
  readonly other: number | null;
  /** The id of a row. */
  readonly mate: number | null;
  /** What goes on. */
  readonly type: Order;
  /** Up to 2. */
  readonly orders: Order[];
  /** Up to 3, in the order of their keys. */
  readonly scores: [Coin, number[]][];
  /** Always 2. From 0 to 8 in steps of 0.5. */
  readonly doors: ({ x: number; y: number } | null)[];
  /** A type of the same name as another. */
  readonly here: Order2;
  /** Always 2. */
  readonly halls: Hall[];
  /** The server's own: clients see no rows. */
  readonly secrets: Table<Order2Columns, Order2>;
  /** The inputs of a moment ago. */
  readonly last: Word;
  readonly by_hand: { 'at.x': number; 'at.y': number };
}

/** An order. */
export type Order =
  /** Nothing to do. */
  | { kind: 'Idle' }
  | {
      kind: 'Follow';
      /** The id of a row. */
      0: number;
    }
  | {
      kind: 'Move';
      /** The sort of move. From 0 to 3. */
      kind_: number;
      /** Both at once. Always 2. */
      coins: Coin[];
    };

export type Coin = 'Copper' | 'Gold';

/** An order for a table. */
export interface Order2 {
  /** The number of a seat, from 0; null for nobody. */
  seat: number | null;
  /** From -4 to 4 in steps of 0.5. Only its owner receives it: other clients read null. */
  wish: { x: number; y: number; z: number } | null;
  /** Only its owner receives it: other clients read `Copper`. */
  coin: Coin;
  /** Up to 2. */
  marks: Word[];
  /** Up to 2, in the order of their keys. */
  by_coin: [Coin, boolean][];
  nested: Order;
  far: bigint;
}

export interface Hall {
  lit: boolean;
  guests: Table<Order2Columns, Order2>;
}

/** An order for a table. `Order` in columns: each array has an entry for each row. */
export interface Order2Columns {
  /** The number of a seat, from 0; -1 for nobody. */
  seat: Int32Array;
  /** From -4 to 4 in steps of 0.5. Only its owner receives it: other clients read none. */
  wish: { some: Int32Array; value: { x: Float32Array; y: Float32Array; z: Float32Array } };
  /** 0 Copper, 1 Gold. Only its owner receives it: other clients read `Copper`. */
  coin: Int32Array;
  /** Up to 2. */
  marks: { length: Int32Array; items: WordColumns[] };
  /** Up to 2, in the order of their keys. */
  by_coin: { length: Int32Array; items: { key: Int32Array; value: Int32Array }[] };
  nested: OrderColumns;
  far: { low: Uint32Array; high: Uint32Array };
}

/** A word. */
export interface Word {
  /** Its beginning. A command: it takes effect in one tick. */
  first: Coin;
  /** From -1 to 1 in steps of 0.25. */
  stick: { x: number; y: number };
  then: Part;
}

/** A word. `Word` in columns: each array has an entry for each row. */
export interface WordColumns {
  /** Its beginning. 0 Copper, 1 Gold. A command: it takes effect in one tick. */
  first: Int32Array;
  /** From -1 to 1 in steps of 0.25. */
  stick: { x: Float32Array; y: Float32Array };
  then: PartColumns;
}

/** An order. `Order` in columns: each array has an entry for each row. */
export interface OrderColumns {
  /** The variant: 0 Idle, 1 Follow, 2 Move. */
  kind: Int32Array;
  Follow: {
    /** The id of a row. */
    0: Uint32Array;
  };
  Move: {
    /** The sort of move. From 0 to 3. */
    kind_: Int32Array;
    /** Both at once. Always 2. 0 Copper, 1 Gold. */
    coins: Int32Array[];
  };
}

export interface Part {
  /** From 0 to 255. */
  0: number;
  /** A unit quaternion. */
  1: { x: number; y: number; z: number; w: number };
}

/** `Part` in columns: each array has an entry for each row. */
export interface PartColumns {
  /** From 0 to 255. */
  0: Int32Array;
  /** A unit quaternion. */
  1: { x: Float32Array; y: Float32Array; z: Float32Array; w: Float32Array };
}

/** A word. A field that is left out is neutral. */
export interface Input {
  /** Its beginning. A command: it takes effect in one tick. */
  first?: Coin;
  /** From -1 to 1 in steps of 0.25. */
  stick?: { x?: number; y?: number };
  then?: PartInput;
}

/** A noise. */
export type Event =
  /** Someone said it. */
  | {
      kind: 'Said';
      0: Word;
    }
  | { kind: 'Silence' };

/** A field that is left out is neutral. */
export interface PartInput {
  /** From 0 to 255. */
  0?: number;
  /** A unit quaternion. */
  1?: { x: number; y: number; z: number; w: number };
}

/** Kinds' game: what `connect` takes. */
declare const game: Game<World, Input, Event>;
export default game;
