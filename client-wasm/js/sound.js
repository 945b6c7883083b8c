// Plays a game's tones. No tone sounds before the first key or touch (browsers forbid it) or while muted.

const WAVES = ['sine', 'square', 'triangle', 'sawtooth'];
const NOISE = 4;
const ATTACK_S = 0.004;
const MASTER = 0.35;

let context = null;
let out = null;
let noise = null;
let silent = false;

export const muted = () => silent;

export function mute(on) {
  silent = on;
  if (!on) wake();
}

function wake() {
  if (silent) return;
  if (!context) {
    const Context = window.AudioContext ?? window.webkitAudioContext;
    if (!Context) return;
    context = new Context();
    out = new GainNode(context, { gain: MASTER });
    out.connect(new DynamicsCompressorNode(context)).connect(context.destination);
    noise = context.createBuffer(1, context.sampleRate, context.sampleRate);
    const samples = noise.getChannelData(0);
    for (let i = 0; i < samples.length; i++) samples[i] = Math.random() * 2 - 1;
  }
  // Without a device, and on the way to another page, a browser refuses.
  if (context.state !== 'running') context.resume().catch(() => {});
}
// A touch counts as a gesture only when the finger lifts.
for (const gesture of ['pointerup', 'keydown']) addEventListener(gesture, wake, { capture: true, passive: true });

// The sounds that play now, by number: the sound of a wrongly predicted event is cut off.
const sounding = new Map();
const RELEASE_S = 0.02;

/** Plays `[hz, ms, wave, volume, id]`. */
export function play([hz, ms, wave, volume, id]) {
  if (silent || context?.state !== 'running' || document.hidden) return;
  const start = context.currentTime;
  const end = start + ms / 1000;
  const source = wave === NOISE
    ? new AudioBufferSourceNode(context, { buffer: noise, loop: true, playbackRate: Math.min(Math.max(hz / 2000, 0.05), 4) })
    : new OscillatorNode(context, { type: WAVES[wave] ?? 'sine', frequency: hz });
  const level = new GainNode(context, { gain: 0 });
  level.gain.linearRampToValueAtTime(volume, start + ATTACK_S);
  level.gain.exponentialRampToValueAtTime(0.0008, Math.max(end, start + ATTACK_S * 2));
  source.connect(level).connect(out);
  source.start(start);
  source.stop(end + 0.02);
  sounding.set(id, { source, level });
  source.onended = () => sounding.delete(id);
}

/** Ends a sound early, without a click. */
export function stop(id) {
  const { source, level } = sounding.get(id) ?? {};
  if (!source) return;
  const now = context.currentTime;
  level.gain.cancelScheduledValues(now);
  level.gain.setTargetAtTime(0, now, RELEASE_S / 4);
  source.stop(now + RELEASE_S);
}
