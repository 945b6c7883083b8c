// Prints the events of rooms that a server posts to it:  node webhook_receiver.js 8000 < secret.txt
const { createHmac, timingSafeEqual } = require("node:crypto");
const key = Buffer.from(require("node:fs").readFileSync(0, "utf8").trim().replace("whsec_", ""), "base64");
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);
async function receive(request, answer) {
  const parts = [];
  for await (const part of request) if (parts.push(part) > 64) return request.destroy();
  const body = Buffer.concat(parts);
  const [id, sent, given] = ["id", "timestamp", "signature"].map((name) => request.headers[`webhook-${name}`] ?? "");
  const mac = createHmac("sha256", key).update(`${id}.${sent}.`).update(body).digest("base64");
  const known = given.split(" ").some((one) => same(Buffer.from(one), Buffer.from(`v1,${mac}`)));
  const fresh = Math.abs(Date.now() / 1000 - Number(sent)) <= 300;
  if (known && fresh) { // an event may come twice: remember the ids of a day
    const event = JSON.parse(body);
    console.log(event.type, event.room, event.order);
  }
  answer.writeHead(known && fresh ? 204 : 401).end();
}
require("node:http").createServer((a, b) => receive(a, b).catch(() => b.destroy())).listen(+process.argv[2], "127.0.0.1");
