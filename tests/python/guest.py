"""A guest in a topic, for a test that drives it by lines of JSON and reads what it hears.

Arguments: URL of the socket, name, topic. Lines of its input:

    {"say": "hello"}    publishes, or keeps the line until it is online again
    {"read": true}      marks all that it has heard as read
    {"online": false}   drops its connection without a word; {"online": true} comes back for what it has missed

Each message, receipt, mark and gap is a line of its output. What was said without a receipt is said again with the same
number, and so is the last line that has one: the server has to notice.
"""

import json
import os
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

URL, NAME, TOPIC = sys.argv[1:4]
KEY = os.urandom(16).hex()


class Guest:
    def __init__(self):
        self.socket, self.last, self.said, self.receipts = None, "0", [], set()

    def send(self, **request):
        if self.socket:
            self.socket.send(json.dumps(request))

    def online(self):
        self.socket = connect(URL, subprotocols=["tickwire.json.1"])
        threading.Thread(target=self.hear, args=[self.socket], daemon=True).start()
        self.send(op="hello", name=NAME, key=KEY)
        self.send(op="subscribe", topic=TOPIC, after=self.last)
        for seq, text in enumerate(self.said, 1):
            if seq not in self.receipts or seq == len(self.said):
                self.send(op="publish", topic=TOPIC, seq=seq, body=text)

    def offline(self):
        # The socket is shut and not closed, as by a network that goes away.
        self.socket.socket.close()
        self.socket = None

    def hear(self, socket):
        try:
            for message in map(json.loads, socket):
                if message["op"] == "message":
                    self.last = message["id"]
                if message["op"] == "receipt":
                    self.receipts.add(message["seq"])
                print(json.dumps(message), flush=True)
        except (ConnectionClosed, OSError):
            pass


guest = Guest()
guest.online()
for line in map(json.loads, sys.stdin):
    if "say" in line:
        guest.said.append(line["say"])
        guest.send(op="publish", topic=TOPIC, seq=len(guest.said), body=line["say"])
    if "read" in line:
        guest.send(op="read", topic=TOPIC, id=guest.last)
    if "online" in line:
        guest.online() if line["online"] else guest.offline()
