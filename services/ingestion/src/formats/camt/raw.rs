//! One `Ntry` as it stands in the file: which element means what, over all versions of camt.
//!
//! Paths are local names relative to the `Ntry`, or to the detail (`TxDtls`). Version differences: status is text up to
//! .06 and `Sts/Cd` from .07; parties are `Dbtr/Nm` up to .07 and `Dbtr/Pty/Nm` or `Dbtr/Agt` from .08; in .01 details
//! and batch stand in the `Ntry` itself. What is not named here is ignored.

use crate::formats::model::{BankCode, Batch, Party, ReferenceKind, Return};

/// Most text of one entry that is held at once: its details must be seen before the first can be handed over.
pub(super) const MAX_ENTRY: usize = 64 * 1024 * 1024;
/// What a field costs beside its text.
const FIELD: usize = 64;
/// What a reference costs besides.
const REFERENCE: usize = 96;

/// An amount as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawAmount {
    pub(super) text: String,
    pub(super) currency: Option<String>,
    pub(super) line: u64,
}

/// A reference with its place among all references of the entry.
#[derive(Clone, Debug)]
pub(super) struct RawReference {
    pub(super) order: u32,
    pub(super) kind: ReferenceKind,
    pub(super) text: String,
    pub(super) scheme: Option<String>,
}

/// A field's text with its line, for the problem that it may be.
pub(super) type Field = Option<(String, u64)>;

#[derive(Clone, Debug, Default)]
pub(super) struct RawDetail {
    pub(super) line: u64,
    /// Which `NtryDtls` it stands in: batch references belong to one.
    pub(super) block: u32,
    pub(super) references: Vec<RawReference>,
    /// With their order of preference: `Amt`, `TxAmt`, `CntrValAmt`, `InstdAmt`.
    pub(super) amounts: Vec<(u8, RawAmount)>,
    pub(super) direction: Field,
    pub(super) debtor: Party,
    pub(super) creditor: Party,
    debtor_agent: Option<String>,
    creditor_agent: Option<String>,
    pub(super) ultimate_debtor: Option<String>,
    pub(super) ultimate_creditor: Option<String>,
    pub(super) remittance: String,
    pub(super) documents: Vec<String>,
    pub(super) code: Option<Box<BankCode>>,
    pub(super) returned: Option<Box<Return>>,
    pub(super) text: String,
    scheme: Option<String>,
    pending: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct RawEntry {
    pub(super) line: u64,
    pub(super) number: u64,
    /// References of the entry itself, with the `NtryDtls` they stand in (batch references) or none.
    pub(super) references: Vec<(Option<u32>, RawReference)>,
    pub(super) servicer_reference: Option<String>,
    pub(super) amount: Option<RawAmount>,
    pub(super) direction: Field,
    pub(super) status: Field,
    pub(super) reversal: Field,
    pub(super) booked: Field,
    pub(super) value: Field,
    pub(super) code: BankCode,
    pub(super) batch: Option<Batch>,
    pub(super) text: String,
    pub(super) details: Vec<RawDetail>,
    pub(super) blocks: u32,
    /// More than [`MAX_ENTRY`]: details were dropped.
    pub(super) overfull: bool,
    order: u32,
    held: usize,
    /// Inside of a `TxDtls`: the last of `details`.
    in_detail: bool,
}

/// A leaf element: its text and its currency attribute.
#[derive(Copy, Clone)]
pub(super) struct Leaf<'a> {
    pub(super) text: &'a str,
    pub(super) currency: Option<&'a str>,
    pub(super) line: u64,
}

impl Leaf<'_> {
    /// The text without blanks around it; none where nothing is left.
    pub(super) fn word(&self) -> Option<String> {
        let text = self.text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn field(&self) -> Field {
        Some((self.text.trim().to_owned(), self.line))
    }

    pub(super) fn amount(&self) -> RawAmount {
        let currency = self.currency.map(str::to_owned);
        RawAmount {
            text: self.text.trim().to_owned(),
            currency,
            line: self.line,
        }
    }

    /// An account number: blanks inside are for the eye.
    pub(super) fn account(&self) -> Option<String> {
        let text: String = self.text.split_whitespace().collect();
        (!text.is_empty()).then_some(text)
    }
}

/// `PrtryAcct`, `BBAN` and `UPIC` are of .01; a bare `Id` is against the standard, and seen.
pub(super) fn is_other_account(path: &str) -> bool {
    matches!(
        path,
        "Id/Othr/Id" | "Id/PrtryAcct/Id" | "Id/BBAN" | "Id/UPIC" | "Id/Othr" | "Id"
    )
}

impl RawEntry {
    pub(super) fn new(number: u64, line: u64) -> Self {
        Self {
            number,
            line,
            ..Self::default()
        }
    }

    /// An element was opened.
    pub(super) fn open(&mut self, path: &str, line: u64) {
        match path {
            "NtryDtls" => self.blocks = self.blocks.saturating_add(1),
            "NtryDtls/TxDtls" | "TxDtls" if !self.overfull => {
                self.in_detail = true;
                self.hold(12 * FIELD);
                self.details.push(RawDetail {
                    line,
                    block: self.blocks,
                    ..RawDetail::default()
                });
            }
            _ => {}
        }
    }

    /// Whether the text of this element is of use.
    pub(super) fn leaf(&mut self, path: &str, leaf: Leaf<'_>) {
        let reference = path.contains("Refs/") || path.ends_with("Ref") || path.ends_with("Id");
        self.hold(leaf.text.len() + FIELD + if reference { REFERENCE } else { 0 });
        if self.overfull {
            return;
        }
        match path.strip_prefix("NtryDtls/").unwrap_or(path).strip_prefix("TxDtls/") {
            Some(inner) if self.in_detail => {
                let order = self.next_order();
                if let Some(detail) = self.details.last_mut() {
                    detail.leaf(inner, leaf, order);
                }
            }
            _ => self.own_leaf(path, leaf),
        }
    }

    /// An element was closed, leaf or not.
    pub(super) fn close(&mut self, path: &str) {
        match path {
            "NtryDtls/TxDtls" | "TxDtls" => {
                self.in_detail = false;
                if let Some(detail) = self.details.last_mut() {
                    detail.complete();
                }
            }
            _ => {
                let inner = path.strip_prefix("NtryDtls/").unwrap_or(path).strip_prefix("TxDtls/");
                let order = self.next_order();
                if let (Some(inner), true, Some(detail)) = (inner, self.in_detail, self.details.last_mut()) {
                    detail.close(inner, order);
                }
            }
        }
    }

    fn hold(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
        if self.held > MAX_ENTRY {
            self.overfull = true;
            self.in_detail = false;
            self.details = Vec::new();
        }
    }

    fn next_order(&mut self) -> u32 {
        self.order = self.order.saturating_add(1);
        self.order
    }

    fn own_reference(&mut self, kind: ReferenceKind, leaf: Leaf<'_>, block: Option<u32>) -> Option<String> {
        let text = leaf.word()?;
        let order = self.next_order();
        self.references.push((
            block,
            RawReference {
                order,
                kind,
                text: text.clone(),
                scheme: None,
            },
        ));
        Some(text)
    }

    fn own_leaf(&mut self, path: &str, leaf: Leaf<'_>) {
        let block = Some(self.blocks);
        match path {
            "NtryRef" => drop(self.own_reference(ReferenceKind::Entry, leaf, None)),
            "Amt" => self.amount = Some(leaf.amount()),
            "CdtDbtInd" => self.direction = leaf.field(),
            "RvslInd" => self.reversal = leaf.field(),
            "Sts" | "Sts/Cd" | "Sts/Prtry" => self.status = leaf.field(),
            "BookgDt/Dt" | "BookgDt/DtTm" | "BookgDt" => self.booked = leaf.field(),
            "ValDt/Dt" | "ValDt/DtTm" | "ValDt" => self.value = leaf.field(),
            "AcctSvcrRef" => self.servicer_reference = self.own_reference(ReferenceKind::Servicer, leaf, None),
            "AddtlInfInd/MsgId" => drop(self.own_reference(ReferenceKind::Message, leaf, None)),
            "AddtlNtryInf" => push_text(&mut self.text, leaf.text),
            "NtryDtls/Btch/MsgId" | "Btch/MsgId" => {
                let text = self.own_reference(ReferenceKind::Message, leaf, block);
                self.batch.get_or_insert_default().message_id = text;
            }
            "NtryDtls/Btch/PmtInfId" | "Btch/PmtInfId" => {
                let text = self.own_reference(ReferenceKind::PaymentInformation, leaf, block);
                self.batch.get_or_insert_default().payment_information_id = text;
            }
            "NtryDtls/Btch/NbOfTxs" | "Btch/NbOfTxs" => self.batch.get_or_insert_default().count = leaf.word(),
            _ => bank_code(&mut self.code, path, leaf),
        }
    }
}

impl RawDetail {
    fn reference(&mut self, kind: ReferenceKind, leaf: Leaf<'_>, order: u32) {
        if let Some(text) = leaf.word() {
            self.references.push(RawReference {
                order,
                kind,
                text,
                scheme: None,
            });
        }
    }

    fn leaf(&mut self, path: &str, leaf: Leaf<'_>, order: u32) {
        if let Some(inner) = path.strip_prefix("Refs/") {
            return self.refs(inner, leaf, order);
        }
        if let Some(inner) = path.strip_prefix("RltdPties/") {
            return self.parties(inner, leaf);
        }
        if let Some(inner) = path.strip_prefix("RmtInf/") {
            return self.remittance(inner, leaf);
        }
        match path {
            "Amt" => self.amount(0, leaf),
            "AmtDtls/TxAmt/Amt" => self.amount(1, leaf),
            "AmtDtls/CntrValAmt/Amt" => self.amount(2, leaf),
            "AmtDtls/InstdAmt/Amt" => self.amount(3, leaf),
            "CdtDbtInd" => self.direction = leaf.field(),
            "RtrInf/Rsn/Cd" | "RtrInf/Rsn/Prtry" | "RtrInf/RtrRsn/Cd" | "RtrInf/RtrRsn/Prtry" => {
                self.returned.get_or_insert_default().reasons.extend(leaf.word());
            }
            "RtrInf/AddtlInf" | "RtrInf/AddtlRtrRsnInf" => {
                push_text(&mut self.returned.get_or_insert_default().text, leaf.text);
            }
            "AddtlTxInf" => push_text(&mut self.text, leaf.text),
            _ if path.starts_with("BkTxCd/") => bank_code(self.code.get_or_insert_default(), path, leaf),
            _ => {}
        }
    }

    /// Whether it says of one payment whose it is or what it is for.
    pub(super) fn tells_of_one(&self) -> bool {
        let own = |reference: &RawReference| {
            matches!(
                reference.kind,
                ReferenceKind::EndToEnd | ReferenceKind::Transaction | ReferenceKind::Uetr | ReferenceKind::Creditor
            ) && !reference.text.eq_ignore_ascii_case("NOTPROVIDED")
        };
        !self.debtor.is_empty()
            || !self.creditor.is_empty()
            || !self.remittance.trim().is_empty()
            || self.references.iter().any(own)
    }

    /// The last of each kind counts.
    fn amount(&mut self, preference: u8, leaf: Leaf<'_>) {
        self.amounts.retain(|(other, _)| *other != preference);
        self.amounts.push((preference, leaf.amount()));
    }

    fn refs(&mut self, path: &str, leaf: Leaf<'_>, order: u32) {
        let kind = match path {
            "MsgId" => ReferenceKind::Message,
            "AcctSvcrRef" => ReferenceKind::Servicer,
            "PmtInfId" => ReferenceKind::PaymentInformation,
            "InstrId" => ReferenceKind::Instruction,
            "EndToEndId" => ReferenceKind::EndToEnd,
            "TxId" => ReferenceKind::Transaction,
            "UETR" => ReferenceKind::Uetr,
            "MndtId" => ReferenceKind::Mandate,
            "ChqNb" => ReferenceKind::Cheque,
            "ClrSysRef" => ReferenceKind::Clearing,
            "Prtry/Tp" => return self.scheme = leaf.word(),
            "Prtry/Ref" => return self.pending = leaf.word(),
            _ => return,
        };
        self.reference(kind, leaf, order);
    }

    fn parties(&mut self, path: &str, leaf: Leaf<'_>) {
        match path {
            "Dbtr/Nm" | "Dbtr/Pty/Nm" => self.debtor.name = leaf.word(),
            "Cdtr/Nm" | "Cdtr/Pty/Nm" => self.creditor.name = leaf.word(),
            "Dbtr/Agt/FinInstnId/Nm" => self.debtor_agent = leaf.word(),
            "Cdtr/Agt/FinInstnId/Nm" => self.creditor_agent = leaf.word(),
            "UltmtDbtr/Nm" | "UltmtDbtr/Pty/Nm" => self.ultimate_debtor = leaf.word(),
            "UltmtCdtr/Nm" | "UltmtCdtr/Pty/Nm" => self.ultimate_creditor = leaf.word(),
            "DbtrAcct/Id/IBAN" => self.debtor.iban = leaf.account(),
            "CdtrAcct/Id/IBAN" => self.creditor.iban = leaf.account(),
            _ => match path.split_once('/') {
                Some(("DbtrAcct", inner)) if is_other_account(inner) => self.debtor.other_account = leaf.account(),
                Some(("CdtrAcct", inner)) if is_other_account(inner) => self.creditor.other_account = leaf.account(),
                _ => {}
            },
        }
    }

    fn remittance(&mut self, path: &str, leaf: Leaf<'_>) {
        match path {
            // Blanks at the ends of a part belong to the text: a bank cuts it anywhere.
            "Ustrd" => self.remittance.push_str(leaf.text),
            "Strd/CdtrRefInf/Ref" | "Strd/CdtrRefInf/CdtrRef" => self.pending = leaf.word(),
            "Strd/CdtrRefInf/Tp/CdOrPrtry/Cd"
            | "Strd/CdtrRefInf/Tp/CdOrPrtry/Prtry"
            | "Strd/CdtrRefInf/CdtrRefTp/Cd"
            | "Strd/CdtrRefInf/CdtrRefTp/Prtry" => self.scheme = leaf.word(),
            "Strd/RfrdDocInf/Nb" | "Strd/RfrdDocInf/RfrdDocNb" => self.documents.extend(leaf.word()),
            "Strd/AddtlRmtInf" => push_text(&mut self.text, leaf.text),
            _ => {}
        }
    }

    fn close(&mut self, path: &str, order: u32) {
        let kind = match path {
            "Refs/Prtry" => ReferenceKind::Proprietary,
            "RmtInf/Strd/CdtrRefInf" => ReferenceKind::Creditor,
            _ => return,
        };
        let scheme = self.scheme.take();
        if let Some(text) = self.pending.take() {
            self.references.push(RawReference {
                order,
                kind,
                text,
                scheme,
            });
        }
    }

    /// A bank that is itself the party (`Agt`) gives its name where no other stands.
    fn complete(&mut self) {
        self.amounts.sort_by_key(|(preference, _)| *preference);
        self.amounts.shrink_to_fit();
        self.references.shrink_to_fit();
        self.debtor.name = self.debtor.name.take().or_else(|| self.debtor_agent.take());
        self.creditor.name = self.creditor.name.take().or_else(|| self.creditor_agent.take());
    }
}

fn bank_code(code: &mut BankCode, path: &str, leaf: Leaf<'_>) {
    match path {
        "BkTxCd/Domn/Cd" => code.domain = leaf.word(),
        "BkTxCd/Domn/Fmly/Cd" => code.family = leaf.word(),
        "BkTxCd/Domn/Fmly/SubFmlyCd" => code.subfamily = leaf.word(),
        "BkTxCd/Prtry/Cd" => code.proprietary = leaf.word(),
        _ => {}
    }
}

/// Parts of a free text that describes, joined by blanks.
fn push_text(text: &mut String, part: &str) {
    let part = part.trim();
    if !part.is_empty() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(part);
    }
}
