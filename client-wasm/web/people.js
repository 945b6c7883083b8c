// Other people: the list of blocked players, and the menu on a name.

import { recall, remember } from './store.js';

/** A new connection tells the server about all of them, and may not send many more messages than these at once. */
const BLOCKED_MAX = 40;

const $ = (id) => document.getElementById(id);

/** The players that this one wants to hear nothing from, by id, with their names. */
export const blocked = new Map(read());

function read() {
  try {
    return JSON.parse(recall('blocked')) ?? [];
  } catch {
    return [];
  }
}

/** Blocks a player, or hears it again, here and on the server. The oldest of too many is heard again. */
export function block(topics, { player, name }, on) {
  const told = [[player, on]];
  if (on) blocked.set(player, name);
  if (blocked.size > BLOCKED_MAX) told.push([blocked.keys().next().value, false]);
  for (const [other, stays] of told) {
    if (!stays) blocked.delete(other);
    topics?.block(other, stays);
  }
  remember('blocked', JSON.stringify([...blocked]));
}

/** Tells a new connection about all who are blocked. */
export function blockAll(topics) {
  for (const player of blocked.keys()) topics.block(player, true);
}

let opener = null;

/** Shows a menu at an element: `[[label, act], …]`. */
export function showMenu(at, entries) {
  const menu = $('menu');
  opener = at;
  menu.replaceChildren(...entries.map(([label, act]) => {
    const entry = Object.assign(document.createElement('button'), { type: 'button', textContent: label });
    entry.setAttribute('role', 'menuitem');
    entry.dataset.testid = `menu-${label.split(' ')[0].toLowerCase()}`;
    entry.onclick = () => {
      hideMenu();
      act();
    };
    return entry;
  }));
  menu.hidden = false;
  const { left, top, bottom } = at.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  menu.style.top = `${bottom + height + 8 > innerHeight ? Math.max(8, top - height - 4) : bottom + 4}px`;
  menu.firstChild.focus({ preventScroll: true });
}

/** Hides the menu; false when there was none. */
export function hideMenu() {
  const was = !$('menu').hidden;
  $('menu').hidden = true;
  if (was && opener?.isConnected) opener.focus({ preventScroll: true });
  return was;
}

addEventListener('pointerdown', ({ target }) => {
  if (!$('menu').contains(target)) $('menu').hidden = true;
}, { capture: true, passive: true });
$('menu').onkeydown = (event) => {
  event.stopPropagation();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const all = [...$('menu').children];
  if (step) all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  else if (event.key === 'Escape') hideMenu();
};
