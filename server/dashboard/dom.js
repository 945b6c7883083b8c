// Elements of the page. All that comes from the server becomes text: nothing here takes markup.

export const $ = (id) => document.getElementById(id);

/** An element with attributes, handlers (`onclick: …`) and children; strings among the children become text. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node[name] = value;
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}

/** The same for pictures. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Writes a text where it differs: an equal one would be read aloud or laid out again. */
export function say(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

/** Sets an attribute where it differs; `null` takes it away. */
export function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/**
 * Children of one element, one for each item of a list. A child lives as long as its item, so that the focus and the mouse
 * stay where they are while its figures change.
 */
export class Rows {
  #parent;
  #key;
  #make;
  #fill;
  #rows = new Map();

  /** `make(item)` gives an object with a `node`; `fill(row, item)` writes the figures into it. */
  constructor(parent, key, make, fill) {
    this.#parent = parent;
    this.#key = key;
    this.#make = make;
    this.#fill = fill;
  }

  show(items) {
    const wanted = new Set(items.map(this.#key));
    // Removed before the others are put in order: otherwise each of those would be moved, and lose the focus.
    for (const [key, { node }] of this.#rows) {
      if (wanted.has(key)) continue;
      node.remove();
      this.#rows.delete(key);
    }
    let at = this.#parent.firstElementChild;
    for (const item of items) {
      const key = this.#key(item);
      let row = this.#rows.get(key);
      if (!row) this.#rows.set(key, row = this.#make(item));
      this.#fill(row, item);
      if (row.node === at) at = at.nextElementSibling;
      else this.#parent.insertBefore(row.node, at);
    }
  }
}
