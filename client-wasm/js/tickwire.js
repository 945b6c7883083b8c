// The package `tickwire`: a player in a room of a Tickwire server, on any page, drawn with anything.

export { Refused, createRoom, findRoom, match, rooms, serverAddress } from './api.js';
export { Session, connect, open, preview } from './session.js';
