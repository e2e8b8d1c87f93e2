"""What schemathesis cannot know of the bodies that are not JSON: see "API against its document" in tests/README.md."""

import json
import re

import schemathesis
from hypothesis import strategies as st

TEXT = st.text(max_size=12)
FIELD = st.one_of(st.none(), st.booleans(), st.integers(), TEXT, st.lists(TEXT, max_size=2))

GOOD = [
    {"kind": "debtor", "external_id": "D-1", "data": {"version": 1, "kind": "person", "names": ["Ana Pop"], "language": "ro"}},
    {"kind": "account", "external_id": "A-1", "data": {
        "version": 1, "debtor": "D-1", "number": "C-1001", "kind": "B2C", "opened_on": "2026-01-01"}},
    {"kind": "place", "external_id": "P-1", "data": {"version": 1, "account": "A-1", "taken_on": "2026-01-01"}},
    {"kind": "invoice", "external_id": "I-1", "data": {
        "version": 1, "account": "A-1", "number": "F-7001", "issued_on": "2026-01-05", "currency": "RON", "total_minor": 11900,
        "instalments": [{"due_on": "2026-02-05", "amount_minor": 11900}]}},
]


@st.composite
def line(draw):
    """A line of a batch: mostly one that is right but for a field or two."""
    thing = json.loads(json.dumps(draw(st.sampled_from(GOOD))))
    for _ in range(draw(st.integers(0, 2))):
        target = draw(st.sampled_from([thing, thing["data"]]))
        target[draw(st.one_of(st.sampled_from(sorted(target)), TEXT))] = draw(FIELD)
        if not isinstance(thing.get("data"), dict):
            break
    return draw(st.one_of(st.just(json.dumps(thing)), TEXT)) if draw(st.integers(0, 9)) == 0 else json.dumps(thing)


LINES = st.lists(line(), max_size=6).map(lambda lines: "\n".join(lines).encode("utf-8", "replace"))

schemathesis.openapi.media_type("application/x-ndjson", LINES)


@schemathesis.serializer("application/x-ndjson")
def as_ndjson(ctx, value):
    """Bytes as they are; anything else as one line of JSON."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@schemathesis.serializer("application/octet-stream")
def as_bytes(ctx, value):
    """Bytes as they are; text as UTF-8."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


# What seed.py put there, by the name of the parameter: ids cannot be guessed, and a stranger's question ends at 404.
KNOWN = {
    "creditor": ["RO-APA"],
    "external_id": ["D-1", "A-1", "I-1"],
    "merchant": ["508029"],
}
OWN_IDS = {
    "accounts": "d56991aa-3f57-5d4c-a914-4c9dbb8d2454",
    "invoices": "24ae22e5-bc4b-590e-b40a-29f1b00e07df",
    "payments": "225636fd-5ad5-5684-b88d-88bdf368b551",
    "deposits": "3b5479a1-42c4-5666-be8b-b3c246a5b7b9",
}
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
REAL = {"currency": "RON", "jurisdiction": "RO", "time_zone": "Europe/Bucharest", "banking_calendar": "RO"}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Every second question is about something that is there."""
    path = context.operation.path.split("/")
    for name, value in (path_parameters or {}).items():
        if not isinstance(value, str) or sum(value.encode("utf-8", "replace")) % 2:
            continue
        if name in KNOWN:
            path_parameters[name] = KNOWN[name][len(value) % len(KNOWN[name])]
        elif name == "id" and path[2] in OWN_IDS:
            path_parameters[name] = OWN_IDS[path[2]]
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    """Codes of the right form become codes that exist; what is wrong on purpose stays wrong."""
    form = {"currency": (3, str.isupper), "jurisdiction": (2, str.isupper), "banking_calendar": (2, str.isupper),
            "time_zone": (None, lambda text: text[:1].isascii() and text[:1].isalpha())}

    def real(value):
        if isinstance(value, list):
            return [real(element) for element in value]
        if not isinstance(value, dict):
            return value
        out = {}
        for name, inner in value.items():
            length, right = form.get(name, (None, lambda text: False))
            is_right = isinstance(inner, str) and right(inner) and inner.isascii() and length in (None, len(inner))
            if name == "account_id" and isinstance(inner, str) and UUID.fullmatch(inner):
                inner = OWN_IDS["accounts"]
            out[name] = REAL[name] if is_right else real(inner)
        return out

    return real(body)
