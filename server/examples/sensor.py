# Publishes each line of its input as a service:  sensors | python3 sensor.py http://127.0.0.1:9090/topics/announce
import json, os, sys, urllib.request

with open(os.environ["TOKEN_FILE"]) as file:  # the file of the server's setting topics_token_file
    headers = {"Authorization": f"Bearer {file.read().strip()}"}
for line in sys.stdin:
    body = json.dumps({"body": line.strip()}).encode()
    with urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, headers)) as answer:
        print(json.load(answer)["id"], flush=True)
