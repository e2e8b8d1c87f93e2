"""Reads every topic of Incasso with a standard Kafka client and this folder alone:

    pip install confluent-kafka fastavro
    python schemas/read.py localhost:9092 [prefix]      # a deployment may put a prefix before all topic names
"""
import io, json, pathlib, sys
from fastavro import schema as avro, schemaless_reader

ROOT = pathlib.Path(__file__).parent
SCHEMAS = {}  # fingerprint as it is on the wire -> schema
for file in ROOT.glob("*/*/v*.avsc"):
    text = json.loads(file.read_text())
    canonical = avro.to_parsing_canonical_form(text)
    SCHEMAS[bytes.fromhex(avro.fingerprint(canonical, "CRC-64-AVRO"))] = avro.parse_schema(text)

def read(value):
    """Name and fields of an event; None for a tombstone."""
    if value is None:
        return None
    if value[:2] != b"\xc3\x01":
        raise ValueError("not Avro single-object encoding")
    schema = SCHEMAS[value[2:10]]
    return schema["name"].rsplit(".", 1)[-1], schemaless_reader(io.BytesIO(value[10:]), schema, None)

if __name__ == "__main__":
    from confluent_kafka import Consumer
    broker, prefix = sys.argv[1], "".join(sys.argv[2:3])
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "read.py", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "enable.partition.eof": True})
    consumer.subscribe([prefix + topic for topic in json.loads((ROOT / "asyncapi.json").read_text())["channels"]])
    while (message := consumer.poll(15)) is not None:  # ends 15 seconds after the last
        if not message.error():
            print(message.topic(), message.partition(), message.offset(), message.key(), *(read(message.value()) or ["tombstone"]))
