"""The examples in Python against a server, beside a player with the same WebSocket package.

Arguments: address of the server, address of its operators' port, file with the token of services, folder of examples.
Every wait has an end.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from websockets.sync.client import connect

PLAYERS, OPERATORS, TOKEN_FILE, EXAMPLES = sys.argv[1:5]
PATIENCE_S = 20


class Player:
    """A connection without a room, which ends with the test."""

    def __init__(self, test, name):
        self.socket = test.enterContext(connect(f"ws://{PLAYERS}/ws", subprotocols=["tickwire.json.1"]))
        self.send(op="hello", name=name)
        self.id = self.wait(op="you")["player"]

    def send(self, **request):
        self.socket.send(json.dumps(request))

    def wait(self, **fields):
        """The next message with these fields."""
        for _ in range(1_000):
            message = json.loads(self.socket.recv(timeout=PATIENCE_S))
            if fields.items() <= message.items():
                return message
        raise AssertionError(f"a thousand messages without {fields}")

    def hear(self, topic, **more):
        self.send(op="subscribe", topic=topic, **more)
        return self.wait(op="granted", topic=topic)


def example(name, *arguments, **options):
    with open(os.path.join(EXAMPLES, name)) as file:
        lines = sum(1 for _ in file)
    assert lines <= 15, f"{name} has {lines} lines"
    return subprocess.Popen([sys.executable, os.path.join(EXAMPLES, name), *arguments], text=True, **options)


class Examples(unittest.TestCase):
    def test_the_bot_answers_in_the_chat_of_the_lobby(self):
        player, topic = Player(self, "Ada"), "lobby/paddles/chat"
        self.assertEqual(player.hear(topic)["may_publish"], True)
        bot = example("chat_bot.py", f"ws://{PLAYERS}/ws", "paddles")
        try:
            greeting = player.wait(op="message", body="Ask me with !time")
            self.assertEqual(greeting["from"]["name"], "Clock")
            self.assertNotEqual(greeting["from"]["player"], player.id)
            player.send(op="publish", topic=topic, seq=1, body="!time")
            receipt = player.wait(op="receipt", seq=1)
            answer = player.wait(op="message", **{"from": greeting["from"]})
            self.assertRegex(answer["body"], r"^It is \d\d:\d\d$")
            self.assertEqual(int(answer["id"]), int(receipt["id"]) + 1, "ids are without gaps")
            # Somebody who comes later reads what was said; the bot does not answer it again.
            late = Player(self, "Grace")
            late.hear(topic, after=greeting["id"])
            self.assertEqual([late.wait(op="message")["body"] for _ in range(2)], ["!time", answer["body"]])
        finally:
            bot.kill()
            bot.wait()

    def test_the_sensor_publishes_its_lines_with_the_token_and_not_without(self):
        player, topic = Player(self, "Ada"), "announce"
        player.hear(topic)
        sensor = ["sensor.py", f"http://{OPERATORS}/topics/{topic}"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        own = example(*sensor, **pipes, env={**os.environ, "TOKEN_FILE": TOKEN_FILE})
        ids, errors = own.communicate("21.5 degrees\n21.7 degrees\n", timeout=PATIENCE_S)
        self.assertEqual(own.returncode, 0, errors)
        for line, id in zip(["21.5 degrees", "21.7 degrees"], ids.split(), strict=True):
            message = player.wait(op="message", topic=topic)
            self.assertEqual((message["body"], message["id"]), (line, id))
            self.assertNotIn("from", message, "a service is no player")
        with tempfile.NamedTemporaryFile("w") as wrong:
            wrong.write("another token of some length")
            wrong.flush()
            other = example(*sensor, **pipes, env={**os.environ, "TOKEN_FILE": wrong.name})
            _, errors = other.communicate("22 degrees\n", timeout=PATIENCE_S)
        self.assertIn("HTTP Error 401", errors)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
