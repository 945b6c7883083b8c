import type { Tone } from './tickwire.js';

/** Plays a tone, as `session.on('sound', play)` gives it. Nothing sounds before the first key or touch. */
export function play(tone: Tone): void;
/** Ends a tone early: `session.on('silence', stop)`. */
export function stop(id: number): void;
/** Turns the sound off or on. */
export function mute(on: boolean): void;
/** Whether the sound is off. */
export function muted(): boolean;
