"""A guest in Python, as componentize-py builds it: ordinary actions, ways to fail, and a guard."""

import json
import os
import random
import socket
import sys

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.guard import Transition, Verdict, Verdict_Allow, Verdict_Deny
from wit_world.imports import clock, http, kv, log
from wit_world.imports.types import (
    Failure_Denied,
    Failure_InvalidInput,
    Failure_Permanent,
    Failure_Transient,
    Invocation,
    TransientFailure,
)


class Action(exports.Action):
    def run(self, invocation: Invocation) -> str:
        action = ACTIONS.get(invocation.action)
        if action is None:
            raise Err(Failure_InvalidInput(f"no action `{invocation.action}`"))
        return json.dumps(action(json.loads(invocation.input), invocation))


class Guard(exports.Guard):
    def decide(self, transition: Transition) -> Verdict:
        if transition.guard == "throws":
            raise LookupError("the guard gave up")
        accepted = json.loads(transition.input)["accept"]
        risk = json.loads(transition.item)["fields"].get("risk")
        if risk in accepted:
            return Verdict_Allow()
        return Verdict_Deny(f"the risk is {risk}, accepted is {', '.join(accepted)}")


def greet(given, invocation):
    before = kv.get("greetings")
    count = 1 if before is None else int(before) + 1
    kv.set("greetings", str(count).encode())
    log.line(log.Level.INFO, f"greeting {given['name']}")
    print("printed to stdout")
    print("printed to stderr", file=sys.stderr)
    return {"text": f"Grüße, {given['name']}!", "count": count, "at": clock.now(), "stage": invocation.stage}


def send(given, invocation):
    key = ("idempotency-key", invocation.effect_key)
    body = given.get("body", "").encode()
    try:
        answer = http.send(http.Request(given.get("method", "GET"), given["url"], [key], body, None))
    except Err as error:
        if isinstance(error.value, http.Error_Denied):
            raise Err(Failure_Denied(error.value.value)) from None
        raise Err(Failure_Transient(TransientFailure(str(error.value), None))) from None
    return {"status": answer.status, "body": answer.body.decode()}


def roll(given, invocation):
    rolled = [random.randrange(1_000_000) for _ in range(4)]
    secure = os.urandom(8).hex()
    log.line(log.Level.INFO, f"rolled {rolled} {secure}")
    if invocation.attempt < given.get("until_attempt", 1):
        raise Err(Failure_Transient(TransientFailure("again", 1)))
    return {"rolled": rolled, "secure": secure}


def fail(given, invocation):
    message = given["message"]
    kinds = {
        "invalid_input": Failure_InvalidInput,
        "permanent": Failure_Permanent,
        "denied": Failure_Denied,
        "transient": lambda text: Failure_Transient(TransientFailure(text, 1)),
    }
    raise Err(kinds[given["kind"]](message))


def throw(given, invocation):
    def deeper(depth):
        if depth == 0:
            raise ValueError(given["message"])
        deeper(depth - 1)

    deeper(20)


def look_around(given, invocation):
    """What a program would find of the machine it runs on: nothing."""
    found = {"environment": dict(os.environ), "files": [], "passwd": None, "connected": True}
    try:
        found["files"] = os.listdir("/")
        found["passwd"] = open("/etc/passwd").read()
    except OSError as error:
        found["passwd"] = type(error).__name__
    try:
        socket.socket().connect(("127.0.0.1", given["port"]))
    except OSError:
        found["connected"] = False
    return found


ACTIONS = {
    "greet": greet,
    "send": send,
    "roll": roll,
    "fail": fail,
    "throw": throw,
    "look_around": look_around,
}
