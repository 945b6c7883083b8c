// The Colyseus server of `cargo peers`: node crowd.mjs [--port 0] [--entities 100] [--motion steady].
//
// It listens on loopback only, prints its address in one line, and ends on SIGTERM.

import { Server } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { parseArgs } from "node:util";
import { ENTITIES_MAX, MOTIONS, defineCrowd } from "./room.mjs";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.CROWD_PORT ?? "0" },
    entities: { type: "string", default: process.env.CROWD_ENTITIES ?? "100" },
    motion: { type: "string", default: process.env.CROWD_MOTION ?? "steady" },
  },
});

function whole(name, max) {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < 0 || number > max) {
    throw new RangeError(`--${name} is a whole number up to ${max}, not ${values[name]}`);
  }
  return number;
}

if (!MOTIONS.includes(values.motion)) {
  throw new RangeError(`--motion is ${MOTIONS.join(", ")}, not ${values.motion}`);
}
const port = whole("port", 65_535);
const transport = new WebSocketTransport();
// The server ends by itself on SIGTERM and SIGINT: it closes its clients' connections, then the process exits with 0.
const server = new Server({ transport, greet: false });
defineCrowd(server, { entities: whole("entities", ENTITIES_MAX), motion: values.motion });
await server.listen(port, "127.0.0.1");
console.log(`listening on http://127.0.0.1:${transport.server.address().port}`);
