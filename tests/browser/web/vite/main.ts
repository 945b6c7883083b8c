// What a web developer writes first, checked by the TypeScript compiler: every use of a wrong name or type is an error.

import { History, TopicRefused, Values, connect, connectTopics, rooms, type Id, type RoomInfo, type Session } from 'tickwire';
import { Pad } from 'tickwire/pad';
import { mute, play } from 'tickwire/sound';
import arena, { type Event, type Input, type World } from 'tickwire-arena';

const server = new URLSearchParams(location.search).get('server') ?? undefined;
const session: Session<World, Input, Event> = await connect({ server, game: arena, name: 'Vite' });
const pad = new Pad(document.body);
const seen = document.getElementById('seen')!;

let kills = 0;
session.on('event', ({ happened, event }) => {
  if (happened && event.what === 'Kill') kills++;
  // @ts-expect-error there is no such kind of event
  if (event.what === 'Dance') kills++;
});
session.on('sound', play);
session.on('left', ({ text }) => console.info(text));
mute(true);

function frame(now: number): void {
  requestAnimationFrame(frame);
  const { x, y, buttons } = pad.poll();
  session.input({ stick: { x: x || 1, y }, fire: (buttons & 1) !== 0 });
  // @ts-expect-error the field is called fire
  if (buttons < 0) session.input({ fier: true });
  const world = session.world(now);
  if (!world) return;
  const width: number = world.size.x;
  const places: Float32Array = world.ships.columns.at.x;
  const first: Id | undefined = world.ships.count > 0 ? world.ships.ids[0] : undefined;
  const ship = first === undefined ? null : world.ships.get(first);
  const team: number | undefined = ship?.team;
  // @ts-expect-error a ship has no such field
  ship?.colour;
  const phase = world.round.phase;
  const winner: number | null = phase.kind === 'Won' ? phase.team : null;
  seen.textContent = JSON.stringify({ width, x: places[0], ships: world.ships.count, team, winner, kills, state: session.state });
}
requestAnimationFrame(frame);

const listed: number = (await rooms(server)).filter(({ players, seats }) => players < seats).length;
seen.dataset.listed = String(listed);

// Topics: over the session, and over a connection without a game.
const chat = new History(session.topics, `room/${session.code}`, ({ lines }) => {
  const last: string | undefined = lines.at(-1)?.body;
  seen.dataset.heard = last;
});
seen.dataset.said = (await chat.say('hello from Vite')).state;
const topics = connectTopics({ server, name: 'Vite' });
new Values<RoomInfo>(topics, 'lobby/arena', ({ entries }) => {
  seen.dataset.live = String([...entries.values()].filter(({ players, seats }) => players < seats).length);
});
topics.on('state', ({ state }) => { seen.dataset.state = state; });
topics.on('message', ({ body, from }) => console.info(from?.name, body));
// @ts-expect-error there is no such kind of news
topics.on('gossip', () => {});
await topics.publish('lobby/arena', 'only the server may').catch((error: unknown) => {
  if (error instanceof TopicRefused) seen.dataset.refused = error.why;
});
