// The package `tickwire`: a player in a room of a Tickwire server, on any page, drawn with anything.

export { Refused, TopicRefused, createRoom, findRoom, match, rooms, serverAddress } from './api.js';
export { History, Values } from './history.js';
export { Session, connect, open, preview } from './session.js';
export { connectTopics } from './topics.js';
