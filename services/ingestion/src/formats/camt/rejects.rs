//! pain.002 (payment status report): payments of ours that were rejected before any money moved. Each rejected transaction
//! is an entry for information, with its reasons; nothing of it is ever booked.

use kernel::{Currency, Money};

use super::fields::{read_amount, read_currency, signed, written_date};
use super::raw::{Field, Leaf, RawAmount, is_other_account};
use crate::formats::format::Format;
use crate::formats::model::{
    Entry, Party, Proof, Reference, ReferenceKind, Return, StatementAccount, StatementEnd, StatementHeader, Status,
    Verdict, WrittenTime,
};
use crate::formats::problem::{Place, Problem, ProblemKind};

/// Names of the element of one transaction: of the versions since .03, and before.
const TRANSACTION: [&str; 2] = ["OrgnlPmtInfAndSts/TxInfAndSts", "TxInfAndSts"];

/// Status and reasons of a message, a batch or a transaction.
#[derive(Clone, Debug, Default)]
struct Verdicts {
    status: Option<String>,
    reasons: Return,
}

impl Verdicts {
    /// A leaf by its path below the element; `status` names the element of the status.
    fn leaf(&mut self, path: &str, status: &str, leaf: Leaf<'_>) -> bool {
        match path.strip_prefix("StsRsnInf/") {
            Some("Rsn/Cd" | "Rsn/Prtry" | "StsRsn/Cd" | "StsRsn/Prtry") => self.reasons.reasons.extend(leaf.word()),
            Some("AddtlInf" | "AddtlStsRsnInf") => {
                let text = &mut self.reasons.text;
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(leaf.text.trim());
            }
            Some(_) => {}
            None if path == status => self.status = leaf.word(),
            None => return false,
        }
        true
    }

    fn rejected(&self) -> Option<bool> {
        self.status.as_deref().map(|status| status.eq_ignore_ascii_case("RJCT"))
    }
}

#[derive(Clone, Debug, Default)]
struct Transaction {
    line: u64,
    verdict: Verdicts,
    references: Vec<Reference>,
    amount: Option<RawAmount>,
    on: Field,
    debtor: Party,
    creditor: Party,
    remittance: String,
}

/// One pain.002 while it is read.
pub(super) struct Report {
    header: StatementHeader,
    path: String,
    /// It reports on direct debits (`pain.008`): the rejected money would have come to us.
    collects: bool,
    message: Verdicts,
    batch: Verdicts,
    batch_id: Option<String>,
    message_id: Option<String>,
    transactions: u64,
    rejected: u64,
    now: Transaction,
    begun: bool,
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(format: Format, index: u32, line: u64, path: &str) -> Self {
        Self {
            header: StatementHeader::new(format, index, line),
            path: path.to_owned(),
            collects: true,
            message: Verdicts::default(),
            batch: Verdicts::default(),
            batch_id: None,
            message_id: None,
            transactions: 0,
            rejected: 0,
            now: Transaction::default(),
            begun: false,
            problems: Vec::new(),
        }
    }

    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    pub(super) fn index(&self) -> u32 {
        self.header.index
    }

    /// An element was opened, by its path in the message.
    pub(super) fn open(&mut self, path: &str, line: u64) {
        if TRANSACTION.contains(&path) {
            self.now = Transaction {
                line,
                ..Transaction::default()
            };
        } else if path == "OrgnlPmtInfAndSts" {
            self.batch = Verdicts::default();
            self.batch_id = None;
        }
    }

    /// A leaf by its path in the message.
    pub(super) fn leaf(&mut self, path: &str, leaf: Leaf<'_>) {
        let below = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        if let Some(inner) = TRANSACTION.into_iter().find_map(below) {
            return self.now.leaf(inner, leaf);
        }
        if let Some(inner) = below("OrgnlPmtInfAndSts") {
            if !self.batch.leaf(inner, "PmtInfSts", leaf) && inner == "OrgnlPmtInfId" {
                self.batch_id = leaf.word();
            }
            return;
        }
        if let Some(inner) = below("OrgnlGrpInfAndSts").or_else(|| below("OrgnlGrpInf")) {
            if !self.message.leaf(inner, "GrpSts", leaf) {
                match inner {
                    "OrgnlMsgId" => self.message_id = leaf.word(),
                    "OrgnlMsgNmId" => self.collects = !leaf.text.contains("pain.001"),
                    _ => {}
                }
            }
            return;
        }
        match path {
            "GrpHdr/MsgId" => {
                self.header.message_id = leaf.word();
                self.header.id = leaf.word();
            }
            "GrpHdr/CreDtTm" => {
                let text = leaf.word().unwrap_or_default();
                let on = written_date(&Some((text.clone(), leaf.line))).ok().flatten();
                self.header.created = on.map(|on| WrittenTime { on, text });
            }
            _ => {}
        }
    }

    /// An element was closed: a transaction that is rejected becomes an entry, and the first one begins the statement.
    pub(super) fn close(&mut self, path: &str, line: u64) -> Option<(Option<StatementHeader>, Entry)> {
        if path == "OrgnlPmtInfAndSts" && self.batch.rejected() == Some(true) {
            let id = self.batch_id.clone();
            self.note(line, path, "batch", id, &self.batch.clone());
        }
        if !TRANSACTION.contains(&path) {
            return None;
        }
        self.transactions += 1;
        let now = std::mem::take(&mut self.now);
        let rejected = [&now.verdict, &self.batch, &self.message]
            .into_iter()
            .find_map(Verdicts::rejected);
        if rejected != Some(true) {
            return None;
        }
        self.rejected += 1;
        let entry = self.entry(now);
        let first = !std::mem::replace(&mut self.begun, true);
        if first {
            let own = if self.collects { &entry.creditor } else { &entry.debtor };
            self.header.account = StatementAccount {
                number: own
                    .iban
                    .clone()
                    .or_else(|| own.other_account.clone())
                    .unwrap_or_default(),
                is_iban: own.iban.is_some(),
                owner: own.name.clone(),
                bank_bic: None,
            };
            self.header.currency = entry.currency;
        }
        Some((first.then(|| self.header.clone()), entry))
    }

    fn entry(&self, now: Transaction) -> Entry {
        let currency: Option<Currency> = now
            .amount
            .as_ref()
            .and_then(|amount| amount.currency.as_deref())
            .and_then(read_currency);
        let amount: Option<Money> = now
            .amount
            .as_ref()
            .and_then(|amount| read_amount(amount, currency).ok())
            .map(|money| signed(money, self.collects));
        let reasons = [&now.verdict, &self.batch, &self.message]
            .into_iter()
            .map(|verdict| &verdict.reasons)
            .find(|reasons| **reasons != Return::default());
        let of_batch = [
            (ReferenceKind::Message, &self.message_id),
            (ReferenceKind::PaymentInformation, &self.batch_id),
        ];
        let shared = of_batch
            .into_iter()
            .filter_map(|(kind, text)| reference(kind, text.clone()));
        let mut references: Vec<Reference> = Vec::new();
        for reference in shared.chain(now.references) {
            if !references.iter().any(|other| other.text == reference.text) {
                references.push(reference);
            }
        }
        Entry {
            value_on: written_date(&now.on).ok().flatten(),
            amount,
            credit: self.collects,
            status: Status::Info,
            references,
            remittance: now.remittance,
            debtor: now.debtor,
            creditor: now.creditor,
            returned: Some(reasons.cloned().unwrap_or_default()),
            ..Entry::new(self.header.index, self.rejected, now.line, currency)
        }
    }

    fn note(&mut self, line: u64, element: &str, what: &str, id: Option<String>, verdict: &Verdicts) {
        let reasons = verdict.reasons.reasons.join(", ");
        let text = &verdict.reasons.text;
        let kind = ProblemKind::OfFormat {
            what: format!(
                "the whole {what} {} is rejected: {}",
                id.as_deref().unwrap_or("without an id"),
                [reasons.as_str(), text.as_str()].join(" ").trim()
            ),
            remedy: "Correct what the reason names and send it again; no money moved.",
            quarantines: false,
        };
        let path = format!("{}/{element}", self.path);
        let at = Place { line, path };
        self.problems.push(Problem { at, kind });
    }

    /// The end; the header again where no entry began the statement.
    pub(super) fn finish(&mut self, line: u64) -> (Option<StatementHeader>, StatementEnd) {
        if self.message.rejected() == Some(true) {
            let id = self.message_id.clone();
            self.note(line, "OrgnlGrpInfAndSts", "message", id, &self.message.clone());
        }
        let end = StatementEnd {
            header: self.header.clone(),
            proof: Proof {
                verdict: Verdict::Absent,
                opening: None,
                closing: None,
                booked_minor: 0,
                left_out: 0,
            },
            booked: 0,
            pending: 0,
            info: self.rejected,
            quarantined: false,
            page: None,
            undecided: false,
            together: Vec::new(),
        };
        ((!self.begun).then(|| self.header.clone()), end)
    }
}

fn reference(kind: ReferenceKind, text: Option<String>) -> Option<Reference> {
    let text = text.filter(|text| !text.eq_ignore_ascii_case("NOTPROVIDED"))?;
    Some(Reference {
        kind,
        text,
        scheme: None,
    })
}

impl Transaction {
    fn leaf(&mut self, path: &str, leaf: Leaf<'_>) {
        if self.verdict.leaf(path, "TxSts", leaf) {
            return;
        }
        let kind = match path {
            "OrgnlInstrId" => ReferenceKind::Instruction,
            "OrgnlEndToEndId" => ReferenceKind::EndToEnd,
            "OrgnlTxId" => ReferenceKind::Transaction,
            "OrgnlUETR" => ReferenceKind::Uetr,
            "AcctSvcrRef" => ReferenceKind::Servicer,
            "ClrSysRef" => ReferenceKind::Clearing,
            _ => {
                if let Some(inner) = path.strip_prefix("OrgnlTxRef/") {
                    self.original(inner, leaf);
                }
                return;
            }
        };
        self.references.extend(reference(kind, leaf.word()));
    }

    fn original(&mut self, path: &str, leaf: Leaf<'_>) {
        match path {
            "Amt/InstdAmt" | "Amt/EqvtAmt/Amt" => self.amount = Some(leaf.amount()),
            "IntrBkSttlmAmt" if self.amount.is_none() => self.amount = Some(leaf.amount()),
            "ReqdColltnDt" | "ReqdExctnDt" | "ReqdExctnDt/Dt" | "ReqdExctnDt/DtTm" => {
                self.on = leaf.word().map(|text| (text, leaf.line));
            }
            "MndtRltdInf/MndtId" | "MndtRltdInf/DrctDbtMndt/MndtId" => {
                self.references.extend(reference(ReferenceKind::Mandate, leaf.word()));
            }
            "RmtInf/Ustrd" => self.remittance.push_str(leaf.text),
            "RmtInf/Strd/CdtrRefInf/Ref" => self.references.extend(reference(ReferenceKind::Creditor, leaf.word())),
            "Dbtr/Nm" | "Dbtr/Pty/Nm" => self.debtor.name = leaf.word(),
            "Cdtr/Nm" | "Cdtr/Pty/Nm" => self.creditor.name = leaf.word(),
            "DbtrAcct/Id/IBAN" => self.debtor.iban = leaf.account(),
            "CdtrAcct/Id/IBAN" => self.creditor.iban = leaf.account(),
            _ => match path.split_once('/') {
                Some(("DbtrAcct", inner)) if is_other_account(inner) => self.debtor.other_account = leaf.account(),
                Some(("CdtrAcct", inner)) if is_other_account(inner) => self.creditor.other_account = leaf.account(),
                _ => {}
            },
        }
    }
}
