//! What a bank file says, as types, whatever its format. Texts are as the bank wrote them, without the blanks around them.

use kernel::{BusinessDate, Currency, Money};

use super::format::{Dialect, Format, StatementKind};
use super::problem::Problem;

/// What a reader hands over, in the order of the file.
///
/// Per statement: one `StatementStart`, its `Entry`s, one `StatementEnd`. Problems come as they are met; those with
/// `statement: None` are notes about the file.
#[derive(Clone, Debug)]
pub enum Event {
    /// A statement begins: all that stands before its first entry.
    StatementStart(Box<StatementHeader>),
    /// One entry, or one transaction detail of an entry that is made of details (see [`Part`]).
    Entry(Box<Entry>),
    /// A statement ended: its balances, its proof, and whether it may be booked.
    StatementEnd(Box<StatementEnd>),
    /// A problem or a note.
    Problem {
        /// Running number of the statement in the file, from 1.
        statement: Option<u32>,
        /// What and where.
        problem: Problem,
    },
}

impl Event {
    /// The same event of a file that comes after `base` statements: documents glued together, files of an archive.
    #[must_use]
    pub fn after(mut self, base: u32) -> Self {
        match &mut self {
            Self::StatementStart(header) => header.index = header.index.saturating_add(base),
            Self::Entry(entry) => entry.statement = entry.statement.saturating_add(base),
            Self::StatementEnd(end) => end.header.index = end.header.index.saturating_add(base),
            Self::Problem { statement, .. } => {
                *statement = statement.map(|index| index.saturating_add(base));
            }
        }
        self
    }
}

/// A whole file that was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// Kind and version.
    pub format: Format,
    /// Whose way of writing the format was taken, and why: for people.
    pub dialect: Dialect,
    /// The encoding that it was read in, as IANA names it.
    pub encoding: &'static str,
    /// Statements.
    pub statements: u32,
    /// Entries handed over (details count each).
    pub entries: u64,
    /// Statements that may not be booked; pages that other pages decide are not among them.
    pub quarantined: u32,
    /// Bytes read.
    pub bytes: u64,
}

/// A point in time as the bank wrote it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrittenTime {
    /// The date in the offset in which it is written; never converted.
    pub on: BusinessDate,
    /// The whole text, with time and offset where it has them.
    pub text: String,
}

/// `CpyDplctInd`: the statement is not the first of its kind. It must not be booked twice, but may be the only one seen.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum CopyKind {
    /// `COPY`: for information to another party.
    Copy,
    /// `DUPL`: sent again.
    Duplicate,
    /// `CODU`: both.
    CopyDuplicate,
}

/// One page of a message or statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// Number of the page, from 1, as written.
    pub number: String,
    /// Whether it is the last one.
    pub last: bool,
}

/// Which page of which statement this is, where it is one of several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageOf {
    /// Number, from 1.
    pub number: u64,
    /// Whether it says that it is the last one.
    pub last: bool,
    /// Account, id, numbers and period: equal on the pages of one statement.
    pub of: String,
    /// Whether the statement counts its pages itself (`StmtPgntn`), and not only the message (`MsgPgntn`), whose other pages
    /// may hold other statements.
    pub own: bool,
}

/// The account of a statement.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StatementAccount {
    /// IBAN (blanks removed) or the bank's own number.
    pub number: String,
    /// Whether it stands in `IBAN`. Not checked: see [`kernel::Iban`].
    pub is_iban: bool,
    /// Name of the owner.
    pub owner: Option<String>,
    /// BIC of the bank.
    pub bank_bic: Option<String>,
}

/// A balance of a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Balance {
    /// `OPBD`, `CLBD`, `PRCD`, `CLAV`…; empty for a proprietary one.
    pub code: String,
    /// `INTM` for a balance in the middle of a statement of several pages.
    pub subtype: Option<String>,
    /// Signed; `None` where it could not be read.
    pub money: Option<Money>,
    /// Whether a direction was written (without one, credit is assumed).
    pub sign_stated: bool,
    /// Date as written.
    pub on: Option<BusinessDate>,
    /// Line in the file.
    pub line: u64,
}

/// What a statement says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatementHeader {
    /// Running number in the file, from 1.
    pub index: u32,
    /// Format of the message that holds it: the files of one archive may differ.
    pub format: Format,
    /// Whether it is final, provisional, or explains another.
    pub kind: StatementKind,
    /// `GrpHdr/MsgId` of the message.
    pub message_id: Option<String>,
    /// `GrpHdr/CreDtTm`.
    pub message_created: Option<WrittenTime>,
    /// `GrpHdr/MsgPgntn` (`MsgPgtn` in some versions).
    pub message_page: Option<Page>,
    /// `Stmt/Id`: unique for one calendar year at least, no longer.
    pub id: Option<String>,
    /// `ElctrncSeqNb`: number of the statement, starts again each year.
    pub sequence_number: Option<String>,
    /// `LglSeqNb`.
    pub legal_sequence_number: Option<String>,
    /// `CreDtTm`.
    pub created: Option<WrittenTime>,
    /// First day covered (`FrToDt`), as written.
    pub from: Option<WrittenTime>,
    /// Last day covered (`FrToDt`), as written.
    pub to: Option<WrittenTime>,
    /// `CpyDplctInd`.
    pub copy: Option<CopyKind>,
    /// `StmtPgntn`.
    pub page: Option<Page>,
    /// The account.
    pub account: StatementAccount,
    /// Its currency: stated, else of its balances, else of its first entry.
    pub currency: Option<Currency>,
    /// Balances read so far; at the end, all.
    pub balances: Vec<Balance>,
    /// Line of its beginning in the file.
    pub line: u64,
}

impl StatementHeader {
    /// The header of a statement of which nothing is read yet.
    #[must_use]
    pub fn new(format: Format, index: u32, line: u64) -> Self {
        Self {
            index,
            kind: format.kind(),
            format,
            message_id: None,
            message_created: None,
            message_page: None,
            id: None,
            sequence_number: None,
            legal_sequence_number: None,
            created: None,
            from: None,
            to: None,
            copy: None,
            page: None,
            account: StatementAccount::default(),
            currency: None,
            balances: Vec::new(),
            line,
        }
    }
}

/// Whether an entry is on the books.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Status {
    /// `BOOK`, or none written.
    #[default]
    Booked,
    /// `PDNG` or `FUTR`: may still vanish.
    Pending,
    /// `INFO`: for information only.
    Info,
}

impl Status {
    /// The word of `inspect --json`: `booked`, `pending`, `info`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Pending => "pending",
            Self::Info => "info",
        }
    }
}

/// What an [`Entry`] stands for.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Part {
    /// An entry with at most one detail.
    #[default]
    Whole,
    /// One detail (`index` from 0) of an entry whose `count` details all have an amount in the account's currency and
    /// sum to the entry.
    Detail {
        /// Position among the details of the entry, from 0.
        index: u32,
        /// Details of the entry, at least 2.
        count: u32,
    },
    /// An entry of several details that do not explain it in amounts: one total, not to be assigned by any single
    /// reference of it.
    Batch {
        /// Details of the entry; 0 where only `Btch` says that there are several.
        count: u32,
    },
}

/// What a reference is, by the element that held it.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum ReferenceKind {
    /// `NtryRef`
    Entry,
    /// `AcctSvcrRef`
    Servicer,
    /// `MsgId`
    Message,
    /// `PmtInfId`
    PaymentInformation,
    /// `InstrId`
    Instruction,
    /// `EndToEndId`
    EndToEnd,
    /// `TxId`
    Transaction,
    /// `UETR`
    Uetr,
    /// `MndtId`
    Mandate,
    /// `ChqNb`
    Cheque,
    /// `ClrSysRef`
    Clearing,
    /// `Refs/Prtry/Ref`
    Proprietary,
    /// `RmtInf/Strd/CdtrRefInf/Ref`
    Creditor,
    /// The account owner's reference of a line format: `:61:` subfield 7, document number or references of Norma 43,
    /// user reference of Asobancaria.
    Customer,
}

/// One reference of an entry.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Reference {
    /// What it is.
    pub kind: ReferenceKind,
    /// Its text.
    pub text: String,
    /// Of a proprietary or creditor reference: its type (`SCOR`, `QRR`, …), where written.
    pub scheme: Option<String>,
}

/// A party of a transaction and its account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Party {
    /// Name.
    pub name: Option<String>,
    /// IBAN as written, blanks removed, not checked.
    pub iban: Option<String>,
    /// Account number that is no IBAN.
    pub other_account: Option<String>,
}

impl Party {
    /// Nothing is known of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.iban.is_none() && self.other_account.is_none()
    }
}

/// Bank transaction code.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BankCode {
    /// `Domn/Cd`, such as `PMNT`.
    pub domain: Option<String>,
    /// `Domn/Fmly/Cd`, such as `RCDT`.
    pub family: Option<String>,
    /// `Domn/Fmly/SubFmlyCd`, such as `ESCT`.
    pub subfamily: Option<String>,
    /// `Prtry/Cd`.
    pub proprietary: Option<String>,
}

impl BankCode {
    /// Nothing is known of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `NtryDtls/Btch`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Batch {
    /// `MsgId`.
    pub message_id: Option<String>,
    /// `PmtInfId`.
    pub payment_information_id: Option<String>,
    /// `NbOfTxs`, as written.
    pub count: Option<String>,
}

/// Why money came back (`RtrInf`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Return {
    /// `Rsn/Cd`, such as `AC04`, or the proprietary reason.
    pub reasons: Vec<String>,
    /// `AddtlInf`, joined by blanks.
    pub text: String,
}

/// One entry of a statement, or one detail of it: see [`Part`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Entry {
    /// Running number of the statement in the file, from 1.
    pub statement: u32,
    /// Running number of the `Ntry` in its statement, from 1.
    pub number: u64,
    /// What of the `Ntry` this is.
    pub part: Part,
    /// Line of the `Ntry`, or of the detail.
    pub line: u64,
    /// Booking date as written.
    pub booked_on: Option<BusinessDate>,
    /// Value date as written.
    pub value_on: Option<BusinessDate>,
    /// Signed: plus is money to us. `None` where it could not be read (the statement is quarantined then).
    pub amount: Option<Money>,
    /// Currency of the amount, also where its digits could not be read.
    pub currency: Option<Currency>,
    /// Whether it is a credit as written, also where the amount is zero.
    pub credit: bool,
    /// On the books or not.
    pub status: Status,
    /// `RvslInd`: it undoes an earlier entry of the other direction. The amount's sign is already the real one.
    pub reversal: bool,
    /// Distinct references in the order of the file, without `NOTPROVIDED`.
    pub references: Vec<Reference>,
    /// `AcctSvcrRef` of the `Ntry` itself: with [`Part`] the first key against duplicates.
    pub servicer_reference: Option<String>,
    /// Unstructured remittance, joined without separator (banks cut it at 140 characters).
    pub remittance: String,
    /// Numbers of the documents that the payer names in structured remittance (`RfrdDocInf/Nb`).
    pub documents: Vec<String>,
    /// Who pays, as written; of a batch, only where all details agree.
    pub debtor: Party,
    /// Who is paid; its account may be a virtual IBAN of ours. Of a batch, only where all details agree.
    pub creditor: Party,
    /// `UltmtDbtr`: for whom the debtor paid.
    pub ultimate_debtor: Option<String>,
    /// `UltmtCdtr`.
    pub ultimate_creditor: Option<String>,
    /// Of the detail, else of the entry.
    pub code: BankCode,
    /// `Btch`, where there is one.
    pub batch: Option<Batch>,
    /// `RtrInf`, where there is one.
    pub returned: Option<Return>,
    /// `AddtlNtryInf`: describes the batch where there are several details.
    pub entry_text: String,
    /// `AddtlTxInf` and `Strd/AddtlRmtInf`, joined by blanks.
    pub detail_text: String,
}

impl Entry {
    /// A booked credit of which nothing is known but where it stands: `number` of its statement, and the line.
    #[must_use]
    pub fn new(statement: u32, number: u64, line: u64, currency: Option<Currency>) -> Self {
        Self {
            statement,
            number,
            line,
            currency,
            credit: true,
            ..Self::default()
        }
    }

    /// The other side: debtor of a credit, creditor of a debit, swapped when reversed.
    #[must_use]
    pub fn counterparty(&self) -> &Party {
        if self.credit != self.reversal {
            &self.debtor
        } else {
            &self.creditor
        }
    }

    /// Creditor references (ISO 11649 and others), as in `references`.
    pub fn creditor_references(&self) -> impl Iterator<Item = &Reference> {
        self.references
            .iter()
            .filter(|reference| reference.kind == ReferenceKind::Creditor)
    }
}

/// Outcome of a balance proof over the booked entries.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Opening + booked entries = closing.
    Holds,
    /// Not equal, or not computable though both balances are there.
    Fails,
    /// Opening or closing balance is missing.
    Absent,
}

impl Verdict {
    /// The word of `inspect --json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Absent => "absent",
        }
    }
}

/// The balance proof of a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// The outcome.
    pub verdict: Verdict,
    /// Opening balance (`OPBD`, else `PRCD`); one in another currency where there is none in the account's.
    pub opening: Option<Money>,
    /// Closing balance (`CLBD`), likewise.
    pub closing: Option<Money>,
    /// Signed sum of the booked entries in minor units of the account's currency.
    pub booked_minor: i128,
    /// Booked entries that are not in the sum: no readable amount, or another currency.
    pub left_out: u64,
}

/// The end of a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatementEnd {
    /// The header again, complete: with all balances and what stood after the entries.
    pub header: StatementHeader,
    /// The proof.
    pub proof: Proof,
    /// `Ntry` elements that are booked.
    pub booked: u64,
    /// `Ntry` elements that are pending.
    pub pending: u64,
    /// `Ntry` elements for information.
    pub info: u64,
    /// May not be booked: the proof fails, or a problem of it quarantines.
    pub quarantined: bool,
    /// Where it is one page of several.
    pub page: Option<PageOf>,
    /// The page does not prove itself: all pages together decide, see [`super::pages`].
    pub undecided: bool,
    /// Numbers of the pages that were proved together; empty where the statement proves itself.
    pub together: Vec<u64>,
}
