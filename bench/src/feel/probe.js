// Looks at the page frame by frame, from within: what a player would see, and when.

(() => {
  const stats = () => window.tickwire.stats();
  // The page asked for its next frame before this did, so this always comes right after the page has drawn.
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const key = (kind, code) => dispatchEvent(new KeyboardEvent(kind, { code, bubbles: true, cancelable: true }));

  /** How many frames after a key went down the own figure has moved along an axis on which it rested; 0 for never. */
  async function press(code, axis, framesMax) {
    await frame();
    const rest = stats().own[axis];
    for (let still = 0; still < 10; still += 1) {
      await frame();
      if (stats().own[axis] !== rest) throw new Error(`it moves along ${axis} by itself`);
    }
    // At any time between two frames, as fingers do.
    await pause(Math.random() * 16);
    key('keydown', code);
    let frames = 1;
    for (await frame(); stats().own[axis] === rest; await frame()) {
      frames += 1;
      if (frames > framesMax) return 0;
    }
    key('keyup', code);
    return frames;
  }

  /** Flies about for so long, and counts. */
  async function fly(ms) {
    const codes = ['ArrowUp', 'ArrowRight', 'ArrowDown', 'ArrowLeft'];
    const first = stats();
    const start = performance.now();
    const corrections = [];
    let [frames, longest, last, turn, held] = [0, 0, start, 0, null];
    let seen = first;
    while (last - start < ms) {
      await frame();
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      frames += 1;
      if (now >= turn) {
        if (held) key('keyup', held);
        held = codes[Math.floor(Math.random() * codes.length)];
        key('keydown', held);
        turn = now + 200 + Math.random() * 400;
      }
      const current = stats();
      // The largest of the last 150 ms, for each snapshot: more than there was, never less.
      for (let n = seen.snapshots; n < current.snapshots; n += 1) corrections.push(current.correction_units);
      seen = current;
    }
    if (held) key('keyup', held);
    const grown = (name) => seen[name] - first[name];
    return {
      frames,
      frame_ms_max: longest,
      snapshots: grown('snapshots'),
      corrections,
      underruns: grown('underruns'),
      stood_still: grown('stood_still'),
      starved_ticks: grown('starved_ticks'),
      hashes_compared: grown('hashes_compared'),
      hash_mismatches: seen.mismatches + seen.decode_errors,
      rtt_ms: seen.rtt_ms,
    };
  }

  window.probe = {
    press,
    // A script may not wait for minutes: this is asked for when it should be there.
    fly: (ms) => { window.probe.flown = null; fly(ms).then((flown) => { window.probe.flown = flown; }, (error) => { window.probe.flown = { error: String(error) }; }); },
    flown: null,
  };
})();
