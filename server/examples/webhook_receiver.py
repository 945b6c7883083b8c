# Prints the events of rooms that a server posts to it:  python3 webhook_receiver.py 8000 < secret.txt
import base64, hashlib, hmac, http.server, json, sys, time

port, key = int(sys.argv[1]), base64.b64decode(sys.stdin.readline().strip().removeprefix("whsec_"))
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(max(0, min(int(self.headers.get("Content-Length", 0)), 4096)))
        id, sent, given = (self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        mac = hmac.new(key, f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
        known = any([hmac.compare_digest(one.encode(), b"v1," + base64.b64encode(mac)) for one in given.split()])
        fresh = sent.isdecimal() and abs(time.time() - int(sent)) <= 300
        if known and fresh:  # an event may come twice: remember the ids of a day
            event = json.loads(body)
            print(event["type"], event["room"], event["order"], flush=True)
        self.send_response(204 if known and fresh else 401)
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
