"""What schemathesis is to do differently here: go where something is, and stay on this machine.

`KIKET_WORLD` is a file of JSON that says what there is: {"places": [{"run": …, "stage": …}, …], "keep": {"token": …}}.
"""

import json
import os
import random

import schemathesis

with open(os.environ["KIKET_WORLD"], encoding="utf-8") as file:
    WORLD = json.load(file)
CHOICE = random.Random(20261121)

# Valid requests that are refused for a reason that no schema can say: exactly these, and nothing else is let pass.
BEYOND_SCHEMAS = {
    # A time is to come or has passed; that depends on when it is asked.
    ("createToken", "invalid_expiry"),
    # A path that is nothing but dots, or a host that is no name.
    ("addProject", "invalid_url"),
    # Which branches there are, the repository says, and whether it can be read.
    ("syncProject", "sync_failed"),
    # Which fields an item has, and of what kind, its project's definitions say.
    ("createItem", "invalid_item"),
    ("createItem", "unknown_type"),
    ("updateItem", "invalid_item"),
    # What a pipeline asks for, its definition says.
    ("startRun", "invalid_inputs"),
    # What an `If-Match` looks like, RFC 9110 says: a schema of a header is that of a text.
    ("updateItem", "invalid_header"),
    ("transitionItem", "invalid_header"),
    # What a definition says, its own language decides.
    ("submitRun", "invalid_definition"),
    ("submitRun", "invalid_inputs"),
    # Whether a key was sent before, and with what, only the server knows.
    ("startRun", "idempotency_mismatch"),
    ("submitRun", "idempotency_mismatch"),
    ("retryRun", "idempotency_mismatch"),
    ("resumeRun", "idempotency_mismatch"),
    # How many events a run has, only the run says.
    ("replayRun", "invalid_seq"),
    # To a schema 5.0 is a whole number.
    ("replayRun", "invalid_body"),
    # Addresses, names of branches and durations have shapes that a pattern says only roughly.
    ("addProject", "invalid_branch"),
    ("addProject", "invalid_interval"),
    ("changeProject", "invalid_branch"),
    ("changeProject", "invalid_forge"),
    ("changeProject", "invalid_interval"),
    ("changeProject", "invalid_url"),
    # How much a project has already, the request does not know.
    ("setValue", "too_large"),
    ("setValue", "too_many"),
    ("setSecret", "too_large"),
    ("setSecret", "too_many"),
    # A version that a schema takes need not be the latest.
    ("updateItem", "changed"),
    ("transitionItem", "changed"),
}


def negative_at(case, location):
    return case.meta is not None and any(
        place.name == location and about.mode.is_negative for place, about in case.meta.components.items()
    )


def is_stateful(case):
    return case.meta is not None and case.meta.phase.name.name == "STATEFUL"


@schemathesis.hook
def before_call(context, case, kwargs):
    # A log that is followed ends when its stage does, and some stages wait for people.
    if case.operation.definition.raw.get("operationId") == "getLog" and case.query and "follow" in case.query:
        case.query = {name: value for name, value in case.query.items() if name != "follow"}
    # Half of the requests go to what is there. Those that follow others have their own places.
    if case.path_parameters and not negative_at(case, "PATH") and not is_stateful(case) and CHOICE.random() < 0.5:
        named = set(case.path_parameters)
        places = [place for place in WORLD["places"] if named <= set(place)]
        if places:
            place = CHOICE.choice(places)
            case.path_parameters.update((name, place[name]) for name in named)
    # Whoever saws off the branch that they sit on sees nothing any more.
    for name, kept in WORLD["keep"].items():
        if case.method == "DELETE" and (case.path_parameters or {}).get(name) in kept:
            case.path_parameters[name] = f"{case.path_parameters[name][:-1]}0"
    # Nobody but the server is asked for anything.
    if isinstance(case.body, dict):
        for part in (case.body, case.body.get("overrides")):
            if isinstance(part, dict) and str(part.get("url")).startswith("http"):
                part["url"] = "file:///nowhere"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        code = json.loads(response.content)["code"]
    except (ValueError, KeyError, TypeError):
        return True
    return (case.operation.definition.raw.get("operationId"), code) not in BEYOND_SCHEMAS
