#!/usr/bin/env python3
"""Makes the first corpora out of our own fixtures: seeds.py FOLDER makes FOLDER/frame, FOLDER/datum, FOLDER/camt, FOLDER/payu."""

import pathlib
import sys
import urllib.parse

root = pathlib.Path(__file__).resolve().parent.parent
corpora = pathlib.Path(sys.argv[1])


def seed(target, name, data):
    folder = corpora / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


# The targets number the schemas in this order.
schemas = sorted((root / "schemas").glob("*/*/v*.avsc"), key=lambda path: (path.parent.name, int(path.stem[1:])))
for number, schema in enumerate(schemas):
    golden = schema.with_suffix(".bin").read_bytes()
    name = f"{schema.parent.name}-{schema.stem}"
    seed("frame", name, golden)
    seed("datum", name, bytes([number]) + golden[10:])

for file in (root / "services/ingestion/tests/fixtures/camt").glob("*.xml"):
    seed("camt", file.name, file.read_bytes())
    seed("camt", "utf16-" + file.name, file.read_text(encoding="utf-8").replace("UTF-8", "UTF-16").encode("utf-16"))

form = {
    "merchant_id": "508029", "state_pol": "4", "reference_sale": "F-7001", "reference_pol": "o-1", "transaction_id": "t-1",
    "sign": "00", "value": "20.50", "currency": "RON", "transaction_date": "2026-01-15 12:00:00", "test": "0",
    "response_message_pol": "APPROVED", "extra1": "C-1001", "description": "plata factura F-7001",
}
for name, change in {"approved": {}, "declined": {"state_pol": "6"}, "nul": {"transaction_id": "a\0"}, "test": {"test": "1"}}.items():
    seed("payu", name, urllib.parse.urlencode(form | change).encode())
