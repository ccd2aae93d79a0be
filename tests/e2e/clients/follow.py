"""Follows a stream with `httpx-sse` and prints a line of JSON for each event, and `closed` when the server has said that
nothing comes any more. Connecting again is the program's own business, as the package says."""

import json
import sys
import time

import httpx
from httpx_sse import connect_sse

url, token = sys.argv[1:3]
headers = {"Authorization": f"Bearer {token}"}
wait = 1.0
with httpx.Client(timeout=None, trust_env=False) as client:
    while True:
        try:
            with connect_sse(client, "GET", url, headers=headers) as source:
                if source.response.status_code == 204:
                    break
                for event in source.iter_sse():
                    if event.id:
                        headers["Last-Event-ID"] = event.id
                    if event.retry is not None:
                        wait = event.retry / 1000
                    if event.data:
                        print(json.dumps({"id": event.id, "kind": event.event, "data": event.data}), flush=True)
        except httpx.TransportError:
            pass
        time.sleep(wait)
print("closed", flush=True)
