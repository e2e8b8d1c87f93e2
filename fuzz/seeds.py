#!/usr/bin/env python3
"""Makes the first corpora out of our own fixtures: seeds.py FOLDER makes one folder in FOLDER for each target."""

import io
import pathlib
import sys
import urllib.parse
import zipfile

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

for file in (root / "services/ingestion/tests/fixtures/mt").glob("*.sta"):
    seed("mt", file.name, file.read_bytes())
    seed("mt", "utf16-" + file.name, file.read_bytes().decode("latin-1").encode("utf-16"))

# Files of records, as the tests of their readers make them in code.
norma43 = [
    "11004915001234567892261101261130200000000100000978" + "3EMPRESA DE AGUAS SA",
    "22    15002611022611020400720000000000500000000000070000000000FACTURA 77",
    "2301MUÑOZ GARCÍA".ljust(42) + "FACTURA 77",
    "2401840" + "00000000005500",
    "22    150026110326110317007100000000000150",
    "3300491500123456789200001000000000001500000100000000005000200000000104850978",
    "88999999999999999999000006",
]
seed("norma43", "lines", "\r\n".join(norma43).encode())
seed("norma43", "latin1", "\n".join(norma43).encode("latin-1"))
seed("norma43", "cp850", "\n".join(norma43).encode("cp850"))
seed("norma43", "without-line-ends", "".join(line.ljust(80) for line in norma43).encode("latin-1"))
seed("norma43", "glued", ("00004926110112" + "\n" + "\n".join(norma43) + "\n".join(norma43)).encode())
asobancaria = [
    "01" + "0900123456" + "20261103" + "007" + "00000001234567890" + "20261104" + "1230" + "A" + "01",
    "05" + "7709998888487" + "0001",
    "06" + "770001234".zfill(48) + "1500000".zfill(14) + "0115" + "000001" + "000002" + "007" + "0001" + "0000002",
    "06" + "770001235".zfill(48) + "2500000".zfill(14) + "0102" + "000003" + "000004" + "001" + "0002" + "0000003" + "R01",
    "08" + "2".zfill(9) + "4000000".zfill(18) + "0001",
    "09" + "2".zfill(9) + "4000000".zfill(18),
]
seed("asobancaria", "lines", "\r\n".join(asobancaria).encode())
seed("asobancaria", "without-line-ends", "".join(line.ljust(162) for line in asobancaria).encode())
seed("asobancaria", "glued", ("\n".join(asobancaria) + "\n".join(asobancaria)).encode())
seed("asobancaria", "1998", b"010000900123456202611030070000001234567890\n02" + b"77".zfill(25) + b"1500000".zfill(13) + b"010000001\n09" + b"1".zfill(9) + b"1500000".zfill(18))
cbi = [
    " RH0310031999021126FILE",
    " 6100000010542893001" + " " * 18 + "X0542811101000000123456EUR011126C000000001000,00IT60",
    " 620000001001021126031126C000000004377,9648 RIF77".ljust(61) + "BONIFICO",
    " 630000001001YYY02112026ROSSI MARIA",
    " 630000001001RI1FATTURA 77",
    " 640000001EUR031126C000000005377,96",
    " 650000001EUR",
    " EF0310031999021126FILE",
]
seed("cbi", "lines", "\r\n".join(cbi).encode())
seed("cbi", "without-line-ends", "".join(line.ljust(120) for line in cbi).encode())

# The first byte chooses the column map: see targets/table.rs and targets/workbook.rs.
tables = [
    "Data;Valuta;Debit;Credit;Sold;Partener;IBAN;Referinta;Detalii\n"
    "02.11.2026;03.11.2026;;1.234,56;2.234,56;POPESCU ȘTEFAN;RO09 BCYP 0000 0012 3456 7890;R-1;\"factura; F-1\"\n"
    "03.11.2026;;234,56;0,00;2.000,00;;;R-2;comision\n;;;;;;;;\nTotal;;234,56;1.234,56;;;;;\n",
    "2026-11-03,-7.00,100.00,EUR,1,a\n2026-11-02,(3),93,EUR,1,\"b\r\nc\"\n2026-11-02,3,9,USD,2,\n",
    "Date\tSum\tMark\tE2E\tBank\n1/2/26\t100\tC\tE-1\tB-1\n2/2/26\t7\tD\tE-2\tB-2\n",
]
for number, table in enumerate(tables):
    seed("table", f"map{number}", bytes([number]) + table.encode())
    seed("table", f"map{number}-latin1", bytes([number]) + table.encode("latin-1", "replace"))
sheet = (
    '<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>Suma</t></is></c></row>'
    '<row r="2"><c r="A2" s="1"><v>45322</v></c><c r="B2"><v>-7.5</v></c><c r="C2" t="b"><v>1</v></c></row></sheetData></worksheet>'
)
seed("workbook", "parts", b"\3" + sheet.encode())
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("a.sta", (root / "services/ingestion/tests/fixtures/mt/dutch.sta").read_bytes())
    archive.writestr("note.txt", "no bank file")
seed("workbook", "archive", b"\0" + packed.getvalue())

form = {
    "merchant_id": "508029", "state_pol": "4", "reference_sale": "F-7001", "reference_pol": "o-1", "transaction_id": "t-1",
    "sign": "00", "value": "20.50", "currency": "RON", "transaction_date": "2026-01-15 12:00:00", "test": "0",
    "response_message_pol": "APPROVED", "extra1": "C-1001", "description": "plata factura F-7001",
}
for name, change in {"approved": {}, "declined": {"state_pol": "6"}, "nul": {"transaction_id": "a\0"}, "test": {"test": "1"}}.items():
    seed("payu", name, urllib.parse.urlencode(form | change).encode())
