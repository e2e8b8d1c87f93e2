"""What there has to be before questions have answers: a creditor, a debtor, an account, invoices, money on them and beside."""

import json
import os
import time
import urllib.request

BILLING = os.environ.get("BILLING", "http://127.0.0.1:8081")
INGESTION = os.environ.get("INGESTION", "http://127.0.0.1:8082")
IBAN, OTHER = "RO49AAAA1B31007593840000", "RO09BCYP0000001234567890"


def send(method, url, body, media_type):
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": media_type}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def put(path, **body):
    return send("PUT", f"{BILLING}/v1/creditors/{path}", json.dumps({"version": 1} | body).encode(), "application/json")


def balance(code, amount):
    return (f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="RON">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
            "<Dt><Dt>2026-01-15</Dt></Dt></Bal>")


def entry(amount, reference, text):
    return (f'<Ntry><Amt Ccy="RON">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>'
            f"<BookgDt><Dt>2026-01-15</Dt></BookgDt><ValDt><Dt>2026-01-15</Dt></ValDt><AcctSvcrRef>{reference}</AcctSvcrRef>"
            f"<NtryDtls><TxDtls><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>")


def statement(iban, number):
    return ('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>'
            f"<GrpHdr><MsgId>M-{number}</MsgId><CreDtTm>2026-01-15T18:00:00</CreDtTm></GrpHdr>"
            f"<Stmt><Id>S-{number}</Id><CreDtTm>2026-01-15T18:00:00</CreDtTm><Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>RON</Ccy></Acct>"
            + balance("OPBD", "0.00") + balance("CLBD", "400.00")
            + entry("150.00", f"R-{number}-1", "plata factura F-7001") + entry("250.00", f"R-{number}-2", "nimic")
            + "</Stmt></BkToCstmrStmt></Document>")


put("RO-APA", name="Apa SA", jurisdiction="RO", time_zone="Europe/Bucharest", cut_off="17:00", currency="RON",
    bank_accounts=[{"number": IBAN, "currency": "RON", "first_on": "2026-01-01"}],
    merchants=[{"provider": "payu-latam", "merchant_id": "508029", "currency": "RON"}])
put("RO-APA/debtors/D-1", kind="person", names=["Ana Pop"], language="ro")
put("RO-APA/accounts/A-1", debtor="D-1", number="C-1001", kind="B2C", opened_on="2026-01-01")
for n in (1, 2):
    put(f"RO-APA/invoices/I-{n}", account="A-1", number=f"F-700{n}", issued_on="2026-01-05", currency="RON", total_minor=11900,
        instalments=[{"due_on": "2026-02-05", "amount_minor": 11900}])
time.sleep(2)
# The second one is nobody's: it is quarantined and can be replayed.
for number, iban in enumerate((IBAN, OTHER), 1):
    send("POST", f"{INGESTION}/v1/statements?wait=10", statement(iban, number).encode(), "application/xml")
