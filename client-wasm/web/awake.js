// Keeps the screen on while a game is played. A browser without wake locks, or one that refuses, dims it as always.

let wanted = false;
let lock = null;
let asking = false;

export function keepAwake(on) {
  wanted = on;
  if (on) ask();
  else if (lock) letGo();
}

async function ask() {
  if (asking || lock || document.hidden) return;
  asking = true;
  try {
    const mine = lock = await navigator.wakeLock?.request('screen') ?? null;
    // The browser ends a lock when the page is hidden.
    mine?.addEventListener('release', () => { if (lock === mine) lock = null; });
    // The player may have left meanwhile.
    if (!wanted && lock) letGo();
  } catch {
    lock = null;
  } finally {
    asking = false;
  }
}

function letGo() {
  lock.release();
  lock = null;
}

// Some browsers give no lock before the first touch or key.
for (const kind of ['visibilitychange', 'pointerup', 'keydown']) {
  document.addEventListener(kind, () => { if (wanted) ask(); }, { passive: true });
}
