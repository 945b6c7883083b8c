/**
 * The id of a row: the same for as long as the row lives, and never that of another row. A field that holds an id may
 * name a row that your own prediction has made by another id than `ids` does: `get` and `indexOf` find it by both.
 */
export type Id = number;
/** A player's place in a room, counted from 0. */
export type Seat = number;

/** The rows of one table as they are to be seen now: your own as predicted, all others as interpolated. */
export interface Table<Columns, Row> {
  /** The number of rows. Only the first `count` entries of `ids` and of each column are valid. */
  readonly count: number;
  /** One id per row, in the order of the rows. */
  readonly ids: Uint32Array;
  /** The rows that were not there when the world was read last. */
  readonly arrived: Uint32Array;
  /**
   * The rows that are gone since the world was read last. If your prediction has ended a row and the server has not, the
   * row comes back, most often under the same id.
   */
  readonly gone: Uint32Array;
  /** A typed array per field over the memory of the game: read it in this frame, and do not keep it. */
  readonly columns: Columns;
  /** The place of a row among the first `count`; −1 when it is gone. */
  indexOf(id: Id): number;
  /** The values of the row at a place, as a new object. */
  at(index: number): Row | null;
  /** The values of the row with this id, as a new object. */
  get(id: Id): Row | null;
  /** All rows, each as a new object. */
  [Symbol.iterator](): IterableIterator<Row>;
}

/** The inside of a loaded game: its WebAssembly module and memory. */
export interface Loaded {
  readonly module: unknown;
  readonly memory: WebAssembly.Memory;
}

/** A game, as its own package exports it. `World`, `Input` and `Event` are the types of its fields. */
export interface Game<World = unknown, Input = unknown, Event = unknown> {
  /** The name by which servers know it. */
  readonly name: string;
  readonly title: string;
  /** How to play with keys and mouse, and with touch. */
  readonly hint: string;
  readonly touch_hint: string;
  /** Labels of the buttons, bit 0 first. */
  readonly buttons: readonly string[];
  readonly seats: number;
  /** The names of its queues. */
  readonly queues: readonly string[];
  readonly tick_rate_hz: number;
  /** The fingerprint of its rules: server and page play together only when it is the same. */
  readonly fingerprint: string;
  /** The id of the sources that it was built from, 16 hexadecimal digits; undefined when the build did not tell. */
  readonly build?: string;
  /** How values lie in the module's memory. */
  readonly layout: { readonly world: unknown; readonly input: unknown; readonly event: unknown };
  /** The input of a player who does nothing, one number per leaf. */
  readonly neutral: readonly number[];
  /** The options of its rooms by default; null for a game without. */
  readonly options: unknown;
  /** Loads the module, once. */
  load(): Promise<Loaded>;
  /** Only for types: never there at run time. */
  readonly types?: { world: World; input: Input; event: Event };
}

/** A network to imitate: one of `Session.links` by name, or its properties. */
export interface Link {
  profile?: string;
  latency_ms?: number;
  jitter_ms?: number;
  stall_percent?: number;
}

export interface Options<World, Input, Event> {
  /** The server's address, such as `wss://play.example/path/`; without one, the folder of the page. */
  server?: string | URL;
  game: Game<World, Input, Event>;
  /** The room's code; without one, a quick match. */
  code?: string;
  /** The player's name, 1 to 16 characters. */
  name?: string;
  /** Whether to watch only, without a seat. */
  watch?: boolean;
  /** The token of an earlier session in this room, which gets the seat back. */
  token?: string | null;
  /** The player's ticket from your backend, or a function that gets one, where the server asks for tickets. It is used up. */
  ticket?: string | (() => string | Promise<string>) | null;
  /** The secret of a private room: its invitation or its password. */
  secret?: string;
  /**
   * The player's secret, 32 hexadecimal digits. A player who keeps it is the same to others in all rooms and topics, by the
   * id that the server makes of it. By default another one for each session.
   */
  key?: string;
  link?: Link;
  /** Spreads retries and drives the imitated network; any by default. */
  seed?: number;
  /** Gives up while the game loads or a match is looked for. */
  signal?: AbortSignal;
}

export interface Player {
  readonly seat: Seat;
  readonly name: string;
  /** The colour in which the game draws the player, as `#rrggbb`. */
  readonly color: string;
  readonly score: number;
  /** Whether it is the player of this session. */
  readonly me: boolean;
  readonly bot: boolean;
  /** False while the player has lost the connection and the seat is kept. */
  readonly connected: boolean;
}

/** State of the connection: `connecting` before the first welcome; `quiet` and `silent` when nothing has arrived for a while; `over` after a refusal or the end. */
export type State = 'connecting' | 'fine' | 'quiet' | 'silent' | 'offline' | 'reconnecting' | 'over';

/** How wrong the prediction of one field of the game was. */
export interface CorrectedField {
  /** Its path in the game's state, such as `ships.shown`. */
  readonly field: string;
  /** Snapshots in which it came out otherwise than predicted, of so many. */
  readonly snapshots: number;
  readonly of: number;
  /** Its mean error in these snapshots and its largest, in units of the game; 0 for a flag, a choice or a rotation. */
  readonly units_mean: number;
  readonly units_max: number;
  /** It is wrong nearly each time that it changes: the server computes it from what this client does not have. */
  readonly unpredictable: boolean;
}

/** The numbers of a session. Ticks, units and bytes are those of the game and the wire. */
export interface Stats {
  readonly connected: boolean;
  readonly link: State;
  readonly game: string;
  readonly code: string;
  readonly seat: Seat | null;
  /** Players in the room, bots included. */
  readonly players: number;
  /** The newest tick from the server, and the tick that is predicted. */
  readonly tick: number;
  readonly predicted_tick: number;
  /** The round trip, and how unevenly snapshots arrive. */
  readonly rtt_ms: number;
  readonly jitter_ms: number;
  /** How early inputs reach the server, in ticks; negative is late. */
  readonly input_lead_ticks: number;
  /** Predictions that were computed again, and the most ticks for one of them. */
  readonly rollbacks: number;
  readonly rollback_ticks_max: number;
  /** The largest correction of a predicted place in the last 150 ms, and of all time, in units of the game. */
  readonly correction_units: number | null;
  readonly correction_units_max: number;
  /** The fields that came out otherwise than predicted, the worst first; at most 8. */
  readonly corrected_fields: readonly CorrectedField[];
  readonly snapshots: number;
  readonly keyframes: number;
  readonly bytes_in_per_s: number;
  readonly bytes_out_per_s: number;
  /** How far the view of others is behind the newest tick. */
  readonly margin_ticks: number;
  /** Ticks for which the server had no input of this player. */
  readonly starved_ticks: number;
  /** Frames that showed others beyond the newest snapshot, and those in which others stood still. */
  readonly underruns: number;
  readonly stood_still: number;
  /** Hashes of the world that were compared with the server's, the newest of them, and those that differed. */
  readonly hashes_compared: number;
  readonly hash_tick: number;
  readonly mismatches: number;
  readonly desyncs: number;
  readonly desyncs_healed: number;
  readonly decode_errors: number;
  /** Connections that the room has welcomed. */
  readonly welcomes: number;
  /** Milliseconds for which nothing has arrived, while `link` is `quiet` or `silent`. */
  readonly silent_ms: number;
  /** Attempts to connect again, the current one included. */
  readonly tries: number;
  /** Where the game's stage shows this player and the others. A player without a place, as in a game of cards, is null here and not among `others`. */
  readonly own: { readonly x: number; readonly y: number } | null;
  readonly others: readonly { readonly seat: Seat; readonly x: number; readonly y: number }[];
}

/**
 * News for the player. `joined` without a text: this player is in the room; with one: another player came, by name.
 * `resumed`: the seat is back. `away`, `returned`, `left`: another player, by name.
 * `reconnecting`: the connection broke with `code`. `refused`: the session is over, with `code` (the close codes are in
 * the README) and the reason in words. `reload`: the session is over too, because the server has another version of the
 * game than this page; the words are for the game's author. `old_build`: the session goes on, although server and page
 * were built from other sources; the text is the id of the server's build, as in `Session.oldBuild`. `room`:
 * `Session.owner` or `Session.locked` has changed.
 */
export interface Notice {
  readonly kind: 'joined' | 'resumed' | 'old_build' | 'returned' | 'away' | 'left' | 'reconnecting' | 'refused' | 'reload' | 'room' | 'started' | 'not_started';
  readonly text: string;
  readonly code: number | null;
}

/** A player as others know it: 16 characters, the same as long as the player keeps its key. */
export type PlayerId = string;
/** The id of a message in its topic, a decimal number above 2⁵³. */
export type MessageId = string;
/** Why something was refused; `over` when the session ended before the answer. */
export type TopicWhy = 'no_topic' | 'rate' | 'text' | 'muted' | 'blocked' | 'too_many' | 'busy' | 'over';

/** The server has a message; `kept` tells whether those who come later will see it. */
export interface TopicReceipt {
  readonly id: MessageId;
  readonly kept: boolean;
}

/** A message that the server refused; `waitMs` is 0 when waiting is of no use. */
export class TopicRefused extends Error {
  constructor(why: TopicWhy, waitMs?: number);
  readonly why: TopicWhy;
  readonly waitMs: number;
}

/** News of topics, by kind. */
export interface TopicNews {
  /** Who this is for others, with each connection. */
  you: { readonly player: PlayerId; readonly name: string };
  /**
   * The topic is heard from now on, or again after a lost connection. What was missed follows; of a topic with keys, all
   * keys.
   */
  granted: { readonly topic: string; readonly newest: MessageId; readonly may_publish: boolean; readonly bytes_max: number };
  /** The topic is not heard. */
  refused: { readonly topic: string; readonly why: TopicWhy; readonly wait_ms: number };
  /** Something was said, by the server or a service if `from` is missing. With a key and no body, the key is gone. */
  message: {
    readonly topic: string;
    readonly id: MessageId;
    readonly key?: string;
    readonly from?: { readonly player: PlayerId; readonly name: string };
    readonly at_ms: number;
    readonly body: string;
  };
  /** The messages from one id to the other were lost, or are not kept any more. */
  gap: { readonly topic: string; readonly from: MessageId; readonly to: MessageId };
  /** Another player has received, and seen, the messages up to these ids. */
  read: { readonly topic: string; readonly player: PlayerId; readonly delivered: MessageId; readonly read: MessageId };
  /** The topic is no more, or may not be heard any longer. */
  ended: { readonly topic: string };
}

/** News of queues and parties, by kind. */
export interface MatchNews {
  /** The place in a queue, with each change; `estimate_ms` from the entry to a match, while it is known. */
  queued: { readonly game: string; readonly queue: string; readonly place: number; readonly of: number; readonly estimate_ms?: number };
  /** A seat in a match is held for `hold_ms`. A connection that comes within this time is told again. */
  matched: { readonly game: string; readonly queue: string; readonly code: string; readonly seat: Seat; readonly bots: number; readonly hold_ms: number };
  /** In the queue no longer; `player` is the one because of whom. */
  unqueued: { readonly why: 'asked' | 'lost' | 'replaced' | 'party' | 'no_room'; readonly player?: PlayerId };
  /** Not entered. */
  not_queued: { readonly why: 'no_queue' | 'party_too_large' | 'not_leader' | 'full' | 'nobody' | 'rate' };
  /** The party, with each change; others join it by its code. */
  party: {
    readonly party: string;
    readonly leader: PlayerId;
    readonly members: readonly { readonly player: PlayerId; readonly name: string }[];
  };
  no_party: { readonly why: 'left' | 'replaced' | 'unknown' | 'full' };
}

/**
 * What is said beside the game: chat, presence, lists. Subscriptions and messages outlive the connection: after it is lost,
 * each topic goes on where it was, and a message without a receipt is sent again, without being said twice. Names and texts
 * are of other people: show them as text, never as HTML.
 */
export interface Topics {
  /** Who this is for others; null before the server has said so. */
  readonly you: TopicNews['you'] | null;
  /** Hears a topic: what comes after a message, or all that is kept. */
  subscribe(topic: string, options?: { after?: MessageId }): void;
  leave(topic: string): void;
  /** Says something. Resolves once the server has it; rejects with `TopicRefused`. */
  publish(topic: string, body: string): Promise<TopicReceipt>;
  /** The player has seen the messages of a topic up to this one. */
  read(topic: string, id: MessageId): void;
  /** Nothing of another player from now on, or everything again. False for a text that is no player, and beyond 64 players. */
  block(player: PlayerId, blocked: boolean): boolean;
  /** Calls `listener` with all news of a kind. Gives a function that ends it. */
  on<Kind extends keyof TopicNews>(what: Kind, listener: (news: TopicNews[Kind]) => void): () => void;
}

/** An event of the game. A client predicts its own; one that did not happen after all is told again with `happened: false` and the same `id`. */
export interface GameEvent<Event> {
  readonly id: number;
  readonly happened: boolean;
  readonly event: Event;
}

/** Pitch in hertz, length in milliseconds, wave (0 sine, 1 square, 2 triangle, 3 saw, 4 noise), loudness 0 to 1, and an id. */
export type Tone = Float32Array;

/** The picture of a game's own stage, for `Painter`: paint it before the next call. */
export interface Scene {
  readonly numbers: Float32Array;
  readonly texts: readonly string[];
}

/** A player in a room. It goes on by itself, in hidden tabs too; read it as often as you draw. */
export class Session<World = unknown, Input = unknown, Event = unknown> {
  readonly game: Game<World, Input, Event>;
  readonly code: string;
  readonly name: string;
  readonly watch: boolean;
  /** Resolves once the player is in the room; rejects with `Refused` when the room refuses. */
  readonly joined: Promise<void>;
  /**
   * The id of the server's build while it is another one than `game.build`, or null: the rules may differ, and then
   * predictions are wrong more often. A reload brings the server's own page, if there is one: reload once for each id.
   */
  readonly oldBuild: string | null;
  /** The seat of the room's owner; null without one, as in a quick match. */
  readonly owner: Seat | null;
  /** Whether the owner has locked the room: newcomers are refused (4004). */
  readonly locked: boolean;
  /** The state of the connection. */
  readonly state: State;
  /** The player's seat; undefined for a spectator and before the room has answered. */
  readonly seat: Seat | undefined;
  /** The tick at which `world` showed your own rows last. */
  readonly tick: number;
  /** The moment at which it showed all others, in ticks: a little before, and a fraction. */
  readonly tickShown: number;
  /** Gets the seat back after a reload. It changes with each connection: keep the newest, by server and room. */
  readonly token: string | undefined;
  /** Whether the server answers requests and no WebSocket can be opened: a proxy that does not pass on the upgrade. */
  readonly blocked: boolean;
  /** The class of the game's module, and its memory: for measurements. Null after the end. */
  readonly client: unknown;
  readonly memory: WebAssembly.Memory;
  /** The networks that can be imitated by name. */
  readonly links: readonly Required<Omit<Link, 'profile'> & { name: string }>[];
  /** The world to be drawn now, or null while there is none: the same object each time, valid until the next call. `now` is `performance.now()`. */
  world(now?: number): World | null;
  /** The picture of the game's own stage. */
  frame(now?: number): Scene | null;
  /** Makes the ticks that are due. `world` and `frame` do it too. */
  advance(now?: number): void;
  /** The player's input from now on. */
  input(fields: Input): void;
  /** The player's controls from now on, for the game's own stage to make an input of: see `tickwire/pad`. The aim is in the world's units. */
  controls(x: number, y: number, aimX: number, aimY: number, aimed: boolean, buttons: number): void;
  /** Everyone in the room, by seat; the same list as before while nothing has changed. */
  players(): readonly Player[];
  stats(): Stats;
  /** What is said beside the game. */
  readonly topics: Topics;
  /** Says a line in the room's chat: `topics.publish('room/CODE', text)`. To hear the chat, subscribe to that topic. */
  chat(text: string): Promise<TopicReceipt>;
  /** Imitates a network. */
  setLink(link: Link): void;
  /** A text as a QR code: its side in modules, and an SVG path. */
  qr(text: string): { readonly size: number; readonly path: string };
  on(kind: 'event', listener: (event: GameEvent<Event>) => void): () => void;
  on(kind: 'notice' | Notice['kind'], listener: (notice: Notice) => void): () => void;
  on(kind: 'sound', listener: (tone: Tone) => void): () => void;
  on(kind: 'silence', listener: (id: number) => void): () => void;
  /** Lets nobody else in, or everybody again. This and the three below are for the room's owner; of anybody else they change nothing. */
  lock(locked?: boolean): void;
  /** Removes a player (4012), who may not come back for a minute. */
  kick(seat: Seat): void;
  /** Removes a player, who may not come back while the room lasts. */
  ban(seat: Seat): void;
  /** Makes another player the owner. */
  handOver(seat: Seat): void;
  /**
   * A match begins anew with these options of the game, by default its own: everybody stays, in a new world. All are told
   * `started`; the owner is told `not_started`, with the reason, if the game refuses the options.
   */
  startMatch(options?: unknown): void;
  /** Leaves for good: the seat is free at once. */
  leave(): void;
  /** Ends the session here; the seat is kept for a while. */
  close(): void;
}

/** Loads the game, joins a room, and waits until the player is in it. Throws `Refused`. */
export function connect<World, Input, Event>(options: Options<World, Input, Event>): Promise<Session<World, Input, Event>>;
/** The same without waiting for the room: its state can be shown meanwhile. */
export function open<World, Input, Event>(options: Options<World, Input, Event>): Promise<Session<World, Input, Event>>;

/** A match between bots, without a server. */
export function preview(game: Game, seed?: number): Promise<{ advance(now: number): void; scene(): Scene; close(): void }>;

/** A request or a connection that was refused; `status` is that of HTTP or the close code, 0 when no answer came. The message says what was refused and what to do. */
export class Refused extends Error {
  constructor(status: number, message?: string);
  readonly status: number;
}

export interface RoomAnswer { readonly code: string; readonly game: string }
export interface RoomInfo extends RoomAnswer { readonly players: number; readonly seats: number }

type Server = string | URL | undefined;
type Giving = { signal?: AbortSignal };

/** The listed rooms, the fullest first: of one game, those with a free seat, or a further page. */
export function rooms(server: Server, options?: Giving & { game?: string; free?: boolean; page?: number }): Promise<RoomInfo[]>;
/** The room of a code; a private one with its `secret`. */
export function findRoom(server: Server, code: string, options?: Giving & { secret?: string }): Promise<RoomInfo>;
/**
 * Makes a room, which only its code leads to. `game` is a name. A `private` room needs the `invite` of the answer too, and
 * one with a `password` of 1 to 128 bytes needs that: it is the `secret` for `connect`.
 */
export function createRoom(
  server: Server,
  game: string,
  options?: Giving & { private?: boolean; password?: string; public?: boolean; options?: unknown; ticket?: string },
): Promise<RoomAnswer & { readonly invite?: string }>;
/** A room with people and a free seat, none of those in `avoid`. */
export function match(server: Server, game: string, options?: Giving & { ticket?: string; avoid?: readonly string[] }): Promise<RoomAnswer>;
/** The addresses of a server's API (its folder) and socket. Throws TypeError when it is no address of one. */
export function serverAddress(server?: string | URL): { readonly http: string; readonly socket: string };

export interface TopicOptions {
  /** The server's address; without one, the folder of the page. */
  server?: string | URL;
  /** The player's name; `guest` by default. */
  name?: string;
  /** The player's secret, 32 hexadecimal digits; without one, the player is another one with each connection. */
  key?: string;
  /** Gets a ticket from your backend, where the server asks for tickets: each connection uses one up. */
  ticket?: () => string | Promise<string>;
}

/** A connection for topics alone, without a game. It connects by itself, and again when the connection is lost. */
export interface TopicConnection extends Topics {
  readonly state: 'connecting' | 'open' | 'over';
  on<Kind extends keyof TopicNews>(what: Kind, listener: (news: TopicNews[Kind]) => void): () => void;
  on(what: 'state', listener: (news: { readonly state: TopicConnection['state'] }) => void): () => void;
  on<Kind extends keyof MatchNews>(what: Kind, listener: (news: MatchNews[Kind]) => void): () => void;
  /**
   * Enters a queue of a game, by default its first one, together with the party that this player leads. News are
   * `queued`, and in the end `matched`: `connect` with its `code` and the same `key`, or a ticket of the same identity.
   * The connection has to have a `key` or a `ticket`. After a lost connection it enters again, at the end.
   */
  queue(game: string, queue?: string): void;
  /** Leaves the queue, and the party with it. */
  unqueue(): void;
  /** Joins the party with this code, or begins one. News are `party` or `no_party`. */
  party(code?: string): void;
  leaveParty(): void;
  /** Ends the connection for good. What has no receipt yet is refused as `over`. */
  close(): void;
}

/** A connection for topics alone: it is there at once. */
export function connectTopics(options?: TopicOptions): TopicConnection;

/** The newest value of each key of a topic, such as `lobby/GAME` and `room/CODE/presence`. */
export class Values<Value = unknown> {
  /** `changed` is called after each change, once for several at a time. */
  constructor(topics: Topics, topic: string, changed?: (view: Values<Value>) => void);
  readonly topic: string;
  readonly entries: ReadonlyMap<string, Value>;
  /** Leaves the topic. */
  close(): void;
}

/** The value of a player in `room/CODE/presence`. */
export interface Presence {
  readonly player: PlayerId;
  readonly name: string;
  /** Null for a spectator. */
  readonly seat: Seat | null;
  readonly state: 'here' | 'typing' | 'away';
}

/** A line of a `History`: a message, or the place where messages were lost. */
export interface Line {
  /** Undefined while the server does not have the message. */
  readonly id?: MessageId;
  readonly from?: { readonly player: PlayerId; readonly name: string };
  readonly at_ms?: number;
  readonly body?: string;
  /** Of one's own lines alone. */
  readonly state?: 'sending' | 'sent' | 'refused';
  readonly why?: TopicWhy;
  /** So many messages are missing here. */
  readonly lost?: number;
}

/** The lines of a topic in order, each once: for chat. */
export class History {
  /** `changed` is called after each change, once for several at a time. */
  constructor(topics: Topics, topic: string, changed?: (view: History) => void);
  readonly topic: string;
  /** The lines, the oldest first; at most 256. */
  readonly lines: readonly Line[];
  /** The id of the newest message, or null. */
  readonly newest: MessageId | null;
  /** What others have received and read, by player. */
  readonly marks: ReadonlyMap<PlayerId, { readonly delivered: MessageId; readonly read: MessageId }>;
  /** Says something: the line is there at once, and its state follows. Resolves once it is sent or refused. */
  say(body: string): Promise<Line>;
  /** The player has seen all lines. */
  seen(): void;
  /** How many others have received, or read, a line. */
  marked(kind: 'delivered' | 'read', line: Line): number;
  /** Leaves the topic. */
  close(): void;
}
