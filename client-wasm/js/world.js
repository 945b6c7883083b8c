// The world of a module in JavaScript: typed arrays over the module's memory for tables, getters for the world's own
// fields, and plain values for events, inputs and single rows.
//
// The layout of a game says how values lie in leaves, one number each. A layout is an object of fields, or a list whose
// first entry is the kind; `client-wasm/describe/src` lists the kinds and writes the layouts.

const isStruct = (node) => !Array.isArray(node);
const fieldsOf = (node) => Object.entries(node);

/** Leaves of one value; a table has none. */
const width = (node) => arrays(node).length;
/** A map is a list of pairs. */
const pairs = ([, key, value, max]) => ['l', { key, value }, max];

/** Calls `place(node, at)` for `count` values of one layout that lie one after another. */
function each(node, at, count, place) {
  const step = width(node);
  return Array.from({ length: count }, (_, i) => place(node, at + i * step));
}

/** Calls `place` for each field of a struct, and gives an object of what it gave; tables are left out. */
function struct(node, at, place) {
  const result = {};
  for (const [name, inner] of fieldsOf(node)) {
    if (inner[0] !== 't') result[name] = place(inner, at);
    at += width(inner);
  }
  return result;
}

/** A function that reads a plain value; its argument gives the number of a leaf. */
export function valueReader(node, at = 0) {
  if (isStruct(node)) {
    const readers = fieldsOf(struct(node, at, valueReader));
    return (leaf) => {
      const value = {};
      for (const [name, read] of readers) value[name] = read(leaf);
      return value;
    };
  }
  const [kind, inner, count] = node;
  switch (kind) {
    case 'b': return (leaf) => leaf(at) !== 0;
    case 'os': return (leaf) => (leaf(at) < 0 ? null : leaf(at));
    case 'w': return (leaf) => BigInt(inner) + BigInt((leaf(at) - count) >>> 0);
    case 'u64': return (leaf) => (BigInt(leaf(at + 1)) << 32n) | BigInt(leaf(at));
    case 'i64': return (leaf) => BigInt.asIntN(64, (BigInt(leaf(at + 1)) << 32n) | BigInt(leaf(at)));
    case 'q': return (leaf) => ({ x: leaf(at), y: leaf(at + 1), z: leaf(at + 2), w: leaf(at + 3) });
    case 'e': return (leaf) => node[leaf(at) + 1];
    case 'v': {
      const variants = fieldsOf(struct(inner, at + 1, valueReader));
      return (leaf) => {
        const [name, read] = variants[leaf(at)];
        return { kind: name, ...read(leaf) };
      };
    }
    case 'o': {
      const read = valueReader(inner, at + 1);
      return (leaf) => (leaf(at) ? read(leaf) : null);
    }
    case 'n': {
      const items = each(inner, at, count, valueReader);
      return (leaf) => items.map((read) => read(leaf));
    }
    case 'l': {
      const items = each(inner, at + 1, count, valueReader);
      return (leaf) => items.slice(0, leaf(at)).map((read) => read(leaf));
    }
    case 'm': {
      const read = valueReader(pairs(node), at);
      return (leaf) => read(leaf).map(Object.values);
    }
    default: return (leaf) => leaf(at);
  }
}

/** A function that writes a plain value into a list of leaves; what the value leaves out stays as it is. */
function valueWriter(node, at, path) {
  if (isStruct(node)) {
    const writers = struct(node, at, (inner, place) => [inner, place]);
    for (const [name, [inner, place]] of fieldsOf(writers)) writers[name] = valueWriter(inner, place, `${path}.${name}`);
    return (leaves, value) => {
      if (typeof value !== 'object' || value === null) throw new TypeError(`${path} is an object with ${Object.keys(writers).join(', ')}, not ${value}`);
      for (const name in value) {
        const write = writers[name];
        if (!write) throw new TypeError(`${path} has no field \`${name}\`; it has ${Object.keys(writers).join(', ')}`);
        if (value[name] !== undefined) write(leaves, value[name]);
      }
    };
  }
  const [kind, inner, count] = node;
  const variant = (names, name) => {
    const index = typeof name === 'number' ? name : names.indexOf(name);
    if (names[index] === undefined) throw new TypeError(`${path} is one of ${names.join(', ')}, not ${name}`);
    return index;
  };
  switch (kind) {
    case 'os': return (leaves, value) => { leaves[at] = value ?? -1; };
    case 'u64': case 'i64': return (leaves, value) => {
      const bits = BigInt.asUintN(64, BigInt(value));
      leaves[at] = Number(bits & 0xffffffffn);
      leaves[at + 1] = Number(bits >> 32n);
    };
    case 'q': return (leaves, { x, y, z, w }) => leaves.set([x, y, z, w], at);
    case 'e': {
      const names = node.slice(1);
      return (leaves, value) => { leaves[at] = variant(names, value); };
    }
    case 'v': {
      const names = Object.keys(inner);
      const writers = Object.values(struct(inner, at + 1, (fields, place) => valueWriter(fields, place, path)));
      return (leaves, { kind: name, ...fields }) => writers[leaves[at] = variant(names, name)](leaves, fields);
    }
    case 'o': {
      const write = valueWriter(inner, at + 1, path);
      return (leaves, value) => {
        leaves[at] = value === null ? 0 : 1;
        if (value !== null) write(leaves, value);
      };
    }
    case 'n': case 'l': {
      const head = kind === 'l' ? 1 : 0;
      const writers = each(inner, at + head, count, (item, place) => valueWriter(item, place, path));
      return (leaves, values) => {
        if (head) leaves[at] = Math.min(values.length, count);
        writers.forEach((write, i) => { if (i < values.length) write(leaves, values[i]); });
      };
    }
    case 'm': {
      const write = valueWriter(pairs(node), at, path);
      return (leaves, entries) => write(leaves, entries.map(([key, value]) => ({ key, value })));
    }
    default: return (leaves, value) => {
      leaves[at] = Number(value);
      if (Number.isNaN(leaves[at])) throw new TypeError(`${path} is a number or a boolean, not ${value}`);
    };
  }
}

/** A function that makes plain fields the input of a client; fields that are left out are those of `neutral`. */
export function inputWriter(client, memory, layout, neutral) {
  const leaves = () => new Float64Array(memory.buffer, client.input_ptr(), client.input_len());
  const write = valueWriter(layout, 0, 'the input');
  let view = leaves();
  return (fields) => {
    if (view.buffer !== memory.buffer) view = leaves();
    view.set(neutral);
    write(view, fields);
    client.set_input();
  };
}

/** The kind of array for each leaf of a layout, in order. */
function arrays(node) {
  if (isStruct(node)) return fieldsOf(node).flatMap(([, inner]) => arrays(inner));
  const [kind, inner, count] = node;
  const times = (list, n) => Array.from({ length: n }, () => list).flat();
  switch (kind) {
    case 't': return [];
    case 'f': return [Float32Array];
    case 'q': return times([Float32Array], 4);
    case 'r': case 'u': case 'w': return [Uint32Array];
    case 'u64': case 'i64': return times([Uint32Array], 2);
    case 'v': case 'o': return [Int32Array, ...arrays(inner)];
    case 'n': return times(arrays(inner), count);
    case 'l': return [Int32Array, ...times(arrays(inner), count)];
    case 'm': return arrays(pairs(node));
    default: return [Int32Array];
  }
}

/** The columns of a layout: its structure, with an array in the place of each leaf. */
function columns(node, at, views) {
  const inside = (inner, place) => columns(inner, place, views);
  if (isStruct(node)) return struct(node, at, inside);
  const [kind, inner, count] = node;
  switch (kind) {
    case 'q': return { x: views[at], y: views[at + 1], z: views[at + 2], w: views[at + 3] };
    case 'u64': case 'i64': return { low: views[at], high: views[at + 1] };
    case 'v': return { kind: views[at], ...struct(inner, at + 1, inside) };
    case 'o': return { some: views[at], value: inside(inner, at + 1) };
    case 'n': return each(inner, at, count, inside);
    case 'l': return { length: views[at], items: each(inner, at + 1, count, inside) };
    case 'm': return inside(pairs(node), at);
    default: return views[at];
  }
}

// Words of the directory that the module keeps for each table.
const WORDS = 8;
const [ROWS, CAPACITY, IDS, ARRIVED, ARRIVED_AT, GONE, GONE_AT, COLUMNS] = [0, 1, 2, 3, 4, 5, 6, 7];
const NOBODY = new Uint32Array(0);

/** Ids are sorted by slot, the lower half, and then by generation. */
const sortKey = (id) => ((id << 16) | (id >>> 16)) >>> 0;

/** The rows of one table: arrays with an entry per row, of which the first `count` are valid. */
export class Table {
  count = 0;
  arrived = NOBODY;
  gone = NOBODY;
  #memory;
  #ids = NOBODY;
  #columns;
  #idsAt = 0;
  #layout;
  #arrays;
  #views = [];
  #names = NOBODY;
  #read;
  #row = 0;
  #cell = (leaf) => this.#views[leaf][this.#row];
  #buffer;
  #capacity = -1;
  #at = 0;

  constructor(memory, layout) {
    this.#memory = memory;
    this.#layout = layout;
    this.#arrays = arrays(layout);
    this.#read = valueReader(layout);
    this.#build(memory.buffer, 0, 0, 0);
  }

  /** One id per row. */
  get ids() {
    this.#refresh();
    return this.#ids;
  }

  /** One array per field. */
  get columns() {
    this.#refresh();
    return this.#columns;
  }

  /** The number in a leaf of the row that was read last, at first of row 0. */
  value(leaf) {
    this.#refresh();
    return this.#views[leaf][this.#row] ?? 0;
  }

  /** The place of a row among the first `count`, or -1, by its id or by the one by which fields name it. */
  indexOf(id) {
    const key = sortKey(id);
    const { ids } = this;
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sortKey(ids[middle]) < key) low = middle + 1;
      else high = middle;
    }
    if (low < this.count && ids[low] === id >>> 0) return low;
    // Only the rows with the highest slots may have another name.
    let row = this.count - 1;
    while (row >= 0 && ids[row] & 0x8000 && this.#names[row] !== id >>> 0) row--;
    return row >= 0 && this.#names[row] === id >>> 0 ? row : -1;
  }

  /** The values of the row at this place, as a new object. */
  at(index) {
    if (!(index >= 0 && index < this.count)) return null;
    this.#refresh();
    this.#row = index;
    return this.#read(this.#cell);
  }

  /** The values of the row with this id, or null. */
  get(id) {
    return this.at(this.indexOf(id));
  }

  *[Symbol.iterator]() {
    for (let index = 0; index < this.count; index++) yield this.at(index);
  }

  /** Follows the module's directory; arrays are made anew only when the module has moved or enlarged its own. */
  follow(buffer, directory, at, moved) {
    // No list is made on the way: this runs in each frame.
    const capacity = directory[at + CAPACITY];
    const place = directory[at + COLUMNS];
    if (moved || capacity !== this.#capacity || place !== this.#at) this.#build(buffer, capacity, directory[at + IDS], place);
    this.count = directory[at + ROWS];
    this.arrived = list(buffer, directory[at + ARRIVED_AT], directory[at + ARRIVED]);
    this.gone = list(buffer, directory[at + GONE_AT], directory[at + GONE]);
  }

  /** Another session of the same game may have let the memory grow since: the old arrays are empty then. */
  #refresh() {
    if (this.#buffer !== this.#memory.buffer && this.#capacity > 0) this.#build(this.#memory.buffer, this.#capacity, this.#idsAt, this.#at);
  }

  #build(buffer, capacity, ids, place) {
    this.#buffer = buffer;
    this.#capacity = capacity;
    this.#idsAt = ids;
    this.#at = place;
    this.#ids = new Uint32Array(buffer, ids, capacity);
    this.#views = this.#arrays.map((Kind, leaf) => new Kind(buffer, place + 4 * capacity * leaf, capacity));
    this.#names = new Uint32Array(buffer, place + 4 * capacity * this.#views.length, capacity);
    this.#columns = columns(this.#layout, 0, this.#views);
  }
}

const list = (buffer, at, count) => (count === 0 ? NOBODY : new Uint32Array(buffer, at, count));

/** The world of a client. `fields` has a getter for each of the world's own fields, and a `Table` for each table. */
export class World {
  fields;
  #client;
  #memory;
  #root;
  #tables = [];
  #directory = NOBODY;

  constructor(client, memory, layout) {
    this.#client = client;
    this.#memory = memory;
    // The world's own fields are a table of one row.
    this.#root = new Table(memory, layout);
    this.#tables.push(this.#root);
    this.fields = {};
    this.#define(this, 'fields', layout, 0);
  }

  /** Takes over the world that is to be seen now; false while there is none. */
  update(now) {
    if (!this.#client.view(now)) return false;
    const { buffer } = this.#memory;
    const at = this.#client.columns_ptr();
    const moved = this.#directory.buffer !== buffer;
    if (moved || this.#directory.byteOffset !== at) this.#directory = new Uint32Array(buffer, at, this.#client.columns_len());
    for (let i = 0; i < this.#tables.length; i++) this.#tables[i].follow(buffer, this.#directory, i * WORDS, moved);
    return true;
  }

  /** Lets go of the module's memory: the arrays are empty from here on. */
  release() {
    const nothing = new Uint32Array(WORDS);
    for (const table of this.#tables) table.follow(new ArrayBuffer(0), nothing, 0, true);
  }

  /** Makes `view[name]` what the layout says: an object, a list or a table once, or a getter of a plain value. */
  #define(view, name, node, at) {
    if (isStruct(node)) {
      const inside = view[name] = {};
      for (const [field, inner] of fieldsOf(node)) {
        this.#define(inside, field, inner, at);
        at += width(inner);
      }
    } else if (node[0] === 't') {
      this.#tables.push(view[name] = new Table(this.#memory, node[1]));
    } else if (node[0] === 'n') {
      const items = view[name] = [];
      each(node[1], at, node[2], (inner, place) => this.#define(items, items.length, inner, place));
    } else {
      const read = valueReader(node, at);
      const cell = (leaf) => this.#root.value(leaf);
      Object.defineProperty(view, name, { enumerable: true, get: () => read(cell) });
    }
  }
}
