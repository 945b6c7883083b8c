# A bot in the chat of a lobby that tells the time: python3 chat_bot.py ws://127.0.0.1:8080/ws paddles
import json, sys, time
from websockets.sync.client import connect  # pip install websockets

topic, started_ms = f"lobby/{sys.argv[2]}/chat", time.time() * 1000
with connect(sys.argv[1], subprotocols=["tickwire.json.1"]) as socket:
    def send(**request):
        socket.send(json.dumps(request))
    send(op="hello", name="Clock")
    send(op="subscribe", topic=topic)
    send(op="publish", topic=topic, seq=time.time_ns() // 1000, body="Ask me with !time")
    for message in map(json.loads, socket):
        if message["op"] == "message" and message["body"] == "!time" and message["at_ms"] > started_ms:
            send(op="publish", topic=topic, seq=time.time_ns() // 1000, body=time.strftime("It is %H:%M"))
