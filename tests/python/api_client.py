"""A client that a public generator makes from the description of the HTTP API, against the server that gives it.

Arguments: address of the server, address of its operators' port, file with the token of services, folder for the client.
The code of the room that it creates is a line of its output, and the test then lets a player into that room.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator, validate

PLAYERS, OPERATORS, TOKEN_FILE, FOLDER = sys.argv[1:5]
PATIENCE_S = 20


def generate(document):
    """Makes the client; gives the folder in which it is a package."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    source, config = os.path.join(FOLDER, "openapi.json"), os.path.join(FOLDER, "config.json")
    with open(source, "w") as file:
        json.dump(document, file)
    with open(config, "w") as file:
        # A formatter would only make the code prettier.
        json.dump({"post_hooks": []}, file)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    target = os.path.join(FOLDER, "generated")
    subprocess.run([*command, "--path", source, "--config", config, "--output-path", target], check=True)
    return FOLDER


with urllib.request.urlopen(f"http://{PLAYERS}/api/openapi.json", timeout=PATIENCE_S) as answer:
    document = json.load(answer)
validate(document, cls=OpenAPIV31SpecValidator)
sys.path.insert(0, generate(document))
from generated import AuthenticatedClient, Client, models  # noqa: E402


def call(tag, operation, *arguments, client, **more):
    module = importlib.import_module(f"generated.api.{tag}.{operation}")
    return module.sync_detailed(*arguments, client=client, **more)


client = Client(base_url=f"http://{PLAYERS}", timeout=PATIENCE_S)

created = call("rooms", "create_room", client=client, body=models.CreateRoom(game="paddles", public=True))
assert created.status_code == 201 and isinstance(created.parsed, models.CreatedRoom), created
code = created.parsed.code
found = call("rooms", "get_room", code, client=client)
assert (found.parsed.code, found.parsed.players, found.parsed.seats) == (code, 0, 2), found
assert call("rooms", "list_rooms", client=client).parsed == [], "nobody is in the room"

print(code, flush=True)
give_up = time.monotonic() + PATIENCE_S
listed = []
while not listed and time.monotonic() < give_up:
    listed = call("rooms", "list_rooms", client=client, game="paddles", free=1, limit=5).parsed
assert [(room.code, room.players) for room in listed] == [(code, 1)], listed

match = call("rooms", "find_match", client=client, body=models.FindMatch(game="paddles", avoid=[code]))
assert match.status_code == 200 and isinstance(match.parsed, models.Room) and match.parsed.code != code, match

refused = call("rooms", "find_match", client=client, body=models.FindMatch(game="chess"))
assert refused.status_code == 404 and isinstance(refused.parsed, models.Problem), refused
assert refused.parsed.type_ == models.ProblemType("urn:tickwire:problem:no-game"), refused
assert refused.headers["x-request-id"] == refused.parsed.request_id, refused

with open(TOKEN_FILE) as file:
    services = AuthenticatedClient(base_url=f"http://{OPERATORS}", token=file.read().strip(), timeout=PATIENCE_S)
said = call("services", "publish_message", "lobby/paddles/chat", client=services, body=models.Message(body="hello"))
assert said.status_code == 201 and said.parsed.kept, said
muted = call("services", "mute_player", "0123456789abcdef", client=services, body=models.Mute(minutes=1))
assert muted.status_code == 204, muted
print("played", flush=True)
