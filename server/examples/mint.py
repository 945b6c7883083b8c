"""Mints a ticket: python mint.py KEY_FILE '{"sub":"ada","name":"Ada","room":"CDF234"}' [SECONDS]

Needs the package pyseto (pip install pyseto==1.10.0). KEY_FILE is what `tickwire mint --new-key KEY_FILE` has written.
"""
import json
import secrets
import sys
from datetime import datetime, timedelta, timezone

import pyseto

key_file, claims, seconds = (*sys.argv[1:], "60")[:3]
kid, paserk = open(key_file, encoding="utf-8").read().split()
now = datetime.now(timezone.utc)
times = {"iat": now.isoformat(), "exp": (now + timedelta(seconds=int(seconds))).isoformat()}
ticket = json.dumps({**json.loads(claims), "jti": secrets.token_hex(16), **times}, ensure_ascii=False)
key, footer = pyseto.Key.from_paserk(paserk), json.dumps({"kid": kid})
print(pyseto.encode(key, ticket.encode(), footer.encode(), b"tickwire").decode())
