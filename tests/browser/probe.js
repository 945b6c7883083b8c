// Looks at the page from within while the network, the page or the server pauses: at the time from a key to the own
// figure's motion, and at the mark and the words about the connection.

(() => {
  const MOVED_UNITS = 0.2;
  // After a key is let go the figure moves on for a tick or two, which are 100 ms at 20 Hz; its speed is measured later.
  const SETTLE_FRAMES = 12;
  const PATH_FRAMES = 6;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const key = (kind, code) => dispatchEvent(new KeyboardEvent(kind, { code, bubbles: true, cancelable: true }));
  const shown = (id) => { const { hidden, textContent } = document.getElementById(id); return hidden ? '' : textContent; };

  /**
   * Milliseconds and frames from a key press until the own figure leaves the path that it was on, or `limitMs` for
   * never, and the longest frame meanwhile. The figure may drift: its speed is measured first, and counts as the path.
   */
  async function press(code, axis, limitMs) {
    const place = () => window.tickwire.stats().own?.[axis];
    for (let n = 0; n < SETTLE_FRAMES; n += 1) await frame();
    const [start, from] = [performance.now(), place()];
    for (let n = 0; n < PATH_FRAMES; n += 1) await frame();
    const [down, rest] = [performance.now(), place()];
    const speed = (rest - from) / (down - start);
    key('keydown', code);
    let [ms, frames, last, frame_ms] = [0, 0, down, 0];
    do {
      await frame();
      const now = performance.now();
      frame_ms = Math.max(frame_ms, now - last);
      [ms, frames, last] = [now - down, frames + 1, now];
    } while (!(Math.abs(place() - rest - speed * ms) > MOVED_UNITS) && ms < limitMs);
    key('keyup', code);
    return { ms: Math.min(ms, limitMs), frames, frame_ms };
  }

  let turn = 0;

  /**
   * Several presses; the quickest is first. They alternate between two keys from call to call, so that the figure stays
   * away from the walls.
   */
  async function feel(codes, axis, presses, limitMs) {
    const all = [];
    for (let n = 0; n < presses; n += 1) all.push(await press(codes[turn++ % codes.length], axis, limitMs));
    return all.sort((a, b) => a.ms - b.ms);
  }

  const plain = getComputedStyle(document.getElementById('net')).backgroundColor;
  let seen = { tick: -1, at: 0 };

  /**
   * Notes each change of the mark and of the words, with the milliseconds since the newest tick that arrived, and the
   * longest time without one.
   */
  function look() {
    const { tick } = window.tickwire.stats();
    const now = performance.now();
    if (tick !== seen.tick) {
      window.probe.silence = Math.max(window.probe.silence, seen.at && now - seen.at);
      seen = { tick, at: now };
    }
    const marked = getComputedStyle(document.getElementById('net')).backgroundColor !== plain;
    const words = shown('banner');
    const last = window.probe.changes.at(-1) ?? { marked: false, words: '' };
    if (last.marked !== marked || !last.words !== !words) {
      window.probe.changes.push({ at: now, silent_ms: now - seen.at, marked, words });
    }
  }
  setInterval(look, 10);

  window.probe = { feel, changes: [], silence: 0 };
})();
