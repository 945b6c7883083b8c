// Examines the page frame by frame, from within: it sees what a player would see, at the same time.

(() => {
  const stats = () => window.tickwire.stats();
  // The page asked for its next frame before this script did, so this always runs right after the page has drawn.
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const key = (kind, code) => dispatchEvent(new KeyboardEvent(kind, { code, bubbles: true, cancelable: true }));

  /** The number of frames from a key press until the own figure moves along an axis on which it rested; 0 for never. */
  async function press(code, axis, framesMax) {
    await frame();
    const rest = stats().own[axis];
    for (let still = 0; still < 10; still += 1) {
      await frame();
      if (stats().own[axis] !== rest) throw new Error(`it moves along ${axis} by itself`);
    }
    // The key goes down at any time between two frames, as with fingers.
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

  /** Flies about for this long, and counts. */
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
      // The page reports the largest correction of the last 150 ms, so the value for a snapshot may be too large, but
      // never too small.
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
    // A script may not wait for minutes: the caller asks for the result when it should be there.
    fly: (ms) => { window.probe.flown = null; fly(ms).then((flown) => { window.probe.flown = flown; }, (error) => { window.probe.flown = { error: String(error) }; }); },
    flown: null,
  };
})();
