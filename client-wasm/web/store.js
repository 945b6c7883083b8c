// The page's memory: the name and the sound across visits, seats across reloads. It is kept by server: a page that can
// choose its server tells none of them anything about another.
// A browser that forbids storage is treated as an empty one.

import { server } from './place.js';

/**
 * Storage belongs to an origin, and below its paths may be several servers. The server at its root was there first, and
 * has no address in its keys.
 */
const prefix = server === `${location.origin}/` ? 'tickwire' : `tickwire@${server}`;

const area = (name) => {
  try { return window[name]; } catch { return null; }
};

const read = (store, key) => {
  try { return store?.getItem(`${prefix}.${key}`) ?? null; } catch { return null; }
};

const write = (store, key, value) => {
  try {
    if (value === null) store?.removeItem(`${prefix}.${key}`);
    else store?.setItem(`${prefix}.${key}`, value);
  } catch { /* storage is full or forbidden: the page works without it */ }
};

const lasting = area('localStorage');
const tab = area('sessionStorage');

export const recall = (key) => read(lasting, key);
export const remember = (key, value) => write(lasting, key, value);
export const recallInTab = (key) => read(tab, key);
export const rememberInTab = (key, value) => write(tab, key, value);

let key;

/**
 * The secret by which a server knows the player again: 32 hexadecimal digits, made once. Others see only an id that the
 * server makes of it.
 */
export function playerKey() {
  key ??= recall('key');
  if (!/^[0-9a-f]{32}$/.test(key)) {
    key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    remember('key', key);
  }
  return key;
}

/** Copies a text, also where the page has no access to the clipboard: on plain HTTP in a local network. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = Object.assign(document.createElement('textarea'), { value: text });
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
}
