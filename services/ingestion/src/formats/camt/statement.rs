//! A statement while it is read: its header, its balances, the running sums, and in the end the proof.

use kernel::Currency;

use super::entry::{EntryReader, ReadEntry};
use super::fields::{direction, read_amount, read_currency, short, signed, written_date};
use super::raw::{Field, Leaf, RawAmount, is_other_account};
use super::totals::Totals;
use crate::formats::format::Format;
use crate::formats::model::{
    Balance, CopyKind, Page, PageOf, Proof, StatementEnd, StatementHeader, Status, Verdict, WrittenTime,
};
use crate::formats::problem::{Place, Problem, ProblemKind};
use crate::formats::proof::{Candidates, Sums, prove};
use crate::formats::settings::Reversals;

/// More balances than this in one statement are not kept.
const MAX_BALANCES: usize = 4096;

/// `GrpHdr`, shared by the statements of a message.
#[derive(Clone, Debug)]
pub(super) struct GroupHeader {
    format: Format,
    id: Option<String>,
    created: Option<WrittenTime>,
    page: PageBuilder,
}

#[derive(Clone, Debug, Default)]
struct PageBuilder {
    number: Option<String>,
    last: Option<bool>,
}

impl PageBuilder {
    fn leaf(&mut self, name: &str, leaf: Leaf<'_>) {
        match name {
            "PgNb" => self.number = leaf.word(),
            "LastPgInd" => self.last = Some(matches!(leaf.text.trim(), "true" | "1")),
            _ => {}
        }
    }

    fn page(&self) -> Option<Page> {
        (self.number.is_some() || self.last.is_some()).then(|| Page {
            number: self.number.clone().unwrap_or_default(),
            last: self.last.unwrap_or(true),
        })
    }
}

impl GroupHeader {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            id: None,
            created: None,
            page: PageBuilder::default(),
        }
    }

    /// A leaf of `GrpHdr`, by its path in it.
    pub(super) fn leaf(&mut self, path: &str, leaf: Leaf<'_>) {
        match path {
            "MsgId" => self.id = leaf.word(),
            "CreDtTm" => self.created = time(leaf),
            _ => {
                if let Some(("MsgPgntn" | "MsgPgtn", name)) = path.split_once('/') {
                    self.page.leaf(name, leaf);
                }
            }
        }
    }
}

/// A time as written; what has no date in front is left out: no decision rests on it.
fn time(leaf: Leaf<'_>) -> Option<WrittenTime> {
    let text = leaf.word()?;
    let on = written_date(&Some((text.clone(), leaf.line))).ok().flatten()?;
    Some(WrittenTime { on, text })
}

/// One `Bal` as written.
#[derive(Default)]
struct RawBalance {
    line: u64,
    code: String,
    subtype: Option<String>,
    amount: Option<RawAmount>,
    direction: Field,
    on: Field,
}

/// One `Stmt`.
pub(super) struct Statement {
    header: StatementHeader,
    path: String,
    page: PageBuilder,
    stated_currency: Field,
    raw_balances: Vec<RawBalance>,
    /// Balances whose amounts are read already: from this index on they are not.
    read_balances: usize,
    /// The account and its currency are fixed: the first entry was met, or the end.
    begun: bool,
    pub(super) entries: u64,
    booked: u64,
    pending: u64,
    info: u64,
    sums: Sums,
    totals: Totals,
    quarantined: bool,
    problems: Vec<Problem>,
}

impl Statement {
    pub(super) fn new(index: u32, line: u64, path: &str, group: &GroupHeader) -> Self {
        let header = StatementHeader {
            message_id: group.id.clone(),
            message_created: group.created.clone(),
            message_page: group.page.page(),
            ..StatementHeader::new(group.format.clone(), index, line)
        };
        Self {
            header,
            path: format!("{path}[{index}]"),
            page: PageBuilder::default(),
            stated_currency: None,
            raw_balances: Vec::new(),
            read_balances: 0,
            begun: false,
            entries: 0,
            booked: 0,
            pending: 0,
            info: 0,
            sums: Sums::default(),
            totals: Totals::default(),
            quarantined: false,
            problems: Vec::new(),
        }
    }

    /// Problems met since the last call, for the receiver.
    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    pub(super) fn index(&self) -> u32 {
        self.header.index
    }

    fn tell(&mut self, line: u64, element: &str, kind: ProblemKind) {
        let path = if element.is_empty() {
            self.path.clone()
        } else {
            format!("{}/{element}", self.path)
        };
        self.report(Problem {
            at: Place { line, path },
            kind,
        });
    }

    fn report(&mut self, problem: Problem) {
        self.quarantined |= problem.quarantines();
        self.problems.push(problem);
    }

    /// An element of the statement was opened, by its path in it; entries do not come here.
    pub(super) fn open(&mut self, path: &str, line: u64) {
        if path == "Bal" {
            if self.raw_balances.len() < MAX_BALANCES {
                self.raw_balances.push(RawBalance {
                    line,
                    ..RawBalance::default()
                });
            } else if self.raw_balances.len() == MAX_BALANCES {
                self.tell(line, "Bal", ProblemKind::TooManyBalances(MAX_BALANCES));
            }
        }
    }

    /// A leaf of the statement's header.
    pub(super) fn leaf(&mut self, path: &str, leaf: Leaf<'_>) {
        if let Some(inner) = path.strip_prefix("Bal/") {
            if let Some(balance) = self.raw_balances.last_mut() {
                balance.leaf(inner, leaf);
            }
            return;
        }
        if let Some(inner) = path.strip_prefix("Acct/") {
            return self.account(inner, leaf);
        }
        if let Some(inner) = path.strip_prefix("TxsSummry/") {
            return self.totals.leaf(inner, leaf);
        }
        match path {
            "Id" => self.header.id = leaf.word(),
            "ElctrncSeqNb" => self.header.sequence_number = leaf.word(),
            "LglSeqNb" => self.header.legal_sequence_number = leaf.word(),
            "CreDtTm" => self.header.created = time(leaf),
            "FrToDt/FrDtTm" | "FrToDt/FrDt" => self.header.from = time(leaf),
            "FrToDt/ToDtTm" | "FrToDt/ToDt" => self.header.to = time(leaf),
            "CpyDplctInd" => {
                self.header.copy = match leaf.text.trim() {
                    "COPY" => Some(CopyKind::Copy),
                    "DUPL" => Some(CopyKind::Duplicate),
                    "CODU" => Some(CopyKind::CopyDuplicate),
                    _ => None,
                }
            }
            _ => {
                if let Some(("StmtPgntn" | "StmtPgtn", name)) = path.split_once('/') {
                    self.page.leaf(name, leaf);
                    self.header.page = self.page.page();
                }
            }
        }
    }

    fn account(&mut self, path: &str, leaf: Leaf<'_>) {
        let account = &mut self.header.account;
        match path {
            "Ccy" => self.stated_currency = leaf.word().map(|text| (text, leaf.line)),
            // What stands after the entries cannot be their account any more.
            _ if self.begun => {}
            "Id/IBAN" => {
                account.number = leaf.account().unwrap_or_default();
                account.is_iban = true;
            }
            _ if is_other_account(path) && !account.is_iban => account.number = leaf.account().unwrap_or_default(),
            "Ownr/Nm" | "Ownr/Pty/Nm" => account.owner = leaf.word(),
            "Svcr/FinInstnId/BIC" | "Svcr/FinInstnId/BICFI" => account.bank_bic = leaf.word(),
            _ => {}
        }
    }

    /// The first entry or the end: account and currency are settled. True the first time.
    pub(super) fn begin(&mut self, first_entry: Option<&RawAmount>) -> bool {
        if std::mem::replace(&mut self.begun, true) {
            return false;
        }
        if self.header.account.number.is_empty() {
            self.tell(self.header.line, "Acct", ProblemKind::NoAccount);
        }
        self.header.currency = self.settle_currency(first_entry);
        self.read_balances();
        true
    }

    pub(super) fn header(&self) -> &StatementHeader {
        &self.header
    }

    fn settle_currency(&mut self, first_entry: Option<&RawAmount>) -> Option<Currency> {
        if let Some((code, line)) = self.stated_currency.clone() {
            let stated = read_currency(&code);
            if stated.is_none() {
                self.tell(line, "Acct/Ccy", ProblemKind::UnknownCurrency(short(&code)));
            }
            return stated;
        }
        let known = |amount: &RawAmount| amount.currency.as_deref().and_then(read_currency);
        let of = |codes: &[&str]| {
            let among = |code: &&str| self.raw_balances.iter().find(|balance| balance.code == **code);
            codes
                .iter()
                .filter_map(among)
                .find_map(|balance| balance.amount.as_ref().and_then(known))
        };
        let any = || {
            self.raw_balances
                .iter()
                .find_map(|balance| balance.amount.as_ref().and_then(known))
        };
        let assumed = of(&["OPBD", "PRCD", "CLBD"])
            .map(|currency| (currency, "balances"))
            .or_else(|| first_entry.and_then(known).map(|currency| (currency, "first entry")))
            .or_else(|| any().map(|currency| (currency, "balances")));
        let (currency, source_element) = assumed?;
        self.tell(
            self.header.line,
            "Acct",
            ProblemKind::CurrencyAssumed {
                currency,
                source_element,
            },
        );
        Some(currency)
    }

    /// Reads the balances that came since the last call.
    fn read_balances(&mut self) {
        let raws: Vec<RawBalance> = self
            .raw_balances
            .iter_mut()
            .skip(self.read_balances)
            .map(std::mem::take)
            .collect();
        self.read_balances = self.raw_balances.len();
        for raw in raws {
            let mut kinds = Vec::new();
            let balance = raw.read(self.header.currency, &mut kinds);
            if Candidates::uses(&balance.code) {
                for (element, kind) in kinds {
                    self.tell(balance.line, element, kind);
                }
            }
            self.header.balances.push(balance);
        }
    }

    pub(super) fn entry_reader(&self, reversals: Reversals) -> EntryReader {
        EntryReader {
            reversals,
            statement: self.header.index,
            currency: self.header.currency,
            path: self.path.clone(),
        }
    }

    /// Adds an entry to the sums.
    pub(super) fn count(&mut self, entry: &mut ReadEntry) {
        match entry.status {
            Status::Booked => self.booked += 1,
            Status::Pending => self.pending += 1,
            Status::Info => self.info += 1,
        }
        if entry.status == Status::Booked {
            self.sums.add_in(entry.amount, self.header.currency, entry.reversal);
        }
        self.totals
            .add(entry.amount, entry.credit, entry.status, entry.parts.left());
        for problem in std::mem::take(&mut entry.problems) {
            self.report(problem);
        }
    }

    /// The end: all that is left to tell is in `take_problems` afterwards.
    pub(super) fn finish(&mut self) -> StatementEnd {
        self.begin(None);
        self.read_balances();
        self.check_late_currency();
        // What books nothing waits for no other page.
        let page = page_of(&self.header).filter(|_| self.header.kind.is_final());
        let (proof, undecided, kinds) = self.prove(page.as_ref());
        for (line, element, kind) in kinds {
            self.tell(line, element, kind);
        }
        // Totals of a page may be those of the whole, which all pages prove together.
        let proven = undecided || proof.verdict == Verdict::Holds;
        for kind in self.totals.check(self.header.currency, proven) {
            self.tell(self.totals.line, "TxsSummry", kind);
        }
        StatementEnd {
            header: self.header.clone(),
            proof,
            booked: self.booked,
            pending: self.pending,
            info: self.info,
            quarantined: self.quarantined,
            page,
            undecided,
            together: Vec::new(),
        }
    }

    fn check_late_currency(&mut self) {
        let (Some((code, line)), Some(assumed)) = (self.stated_currency.clone(), self.header.currency) else {
            return;
        };
        match read_currency(&code) {
            Some(stated) if stated == assumed => {}
            Some(stated) => self.tell(line, "Acct/Ccy", ProblemKind::CurrencyContradicted { stated, assumed }),
            None => self.tell(line, "Acct/Ccy", ProblemKind::UnknownCurrency(short(&code))),
        }
    }

    /// The proof, whether other pages decide it, and what there is to tell.
    fn prove(&self, page: Option<&PageOf>) -> (Proof, bool, Vec<(u64, &'static str, ProblemKind)>) {
        let candidates = Candidates::of(&self.header.balances, self.header.currency);
        let mut kinds = Vec::new();
        for (line, kind) in candidates.foreign() {
            kinds.push((line, "Bal", kind));
        }
        let sound = !self.quarantined && kinds.is_empty();
        let mut outcome = prove(&candidates, &self.sums);
        if outcome.sign_proven {
            kinds.push((outcome.line, "Bal", ProblemKind::SignProven));
        }
        let others_decide = page.is_some_and(|page| match outcome.proof.verdict {
            Verdict::Holds => false,
            Verdict::Fails => sound,
            Verdict::Absent => sound && page.own,
        });
        if others_decide {
            outcome.proof.verdict = Verdict::Absent;
        }
        if outcome.proof.verdict == Verdict::Fails {
            let failure = self.sums.failure(&outcome.proof);
            kinds.push((self.header.line, "", ProblemKind::ProofFails(failure)));
        }
        (outcome.proof, others_decide, kinds)
    }
}

/// Which page it is, where it says that there are others and of which statement.
fn page_of(header: &StatementHeader) -> Option<PageOf> {
    let several = |page: &Page| {
        let number: u64 = page.number.trim().parse().ok()?;
        (number > 1 || number == 1 && !page.last).then_some((number, page.last))
    };
    let own = header.page.as_ref().and_then(several);
    let (number, last) = own.or_else(|| header.message_page.as_ref().and_then(several))?;
    let id = header.id.as_deref()?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time = |time: &Option<WrittenTime>| time.as_ref().map(|time| time.text.clone()).unwrap_or_default();
    let of = [
        if own.is_some() { "statement" } else { "message" },
        &header.account.number,
        id,
        &text(&header.sequence_number),
        &text(&header.legal_sequence_number),
        &time(&header.from),
        &time(&header.to),
        header.format.family.channel(),
    ]
    .join("|");
    Some(PageOf {
        number,
        last,
        of,
        own: own.is_some(),
    })
}

impl RawBalance {
    fn leaf(&mut self, path: &str, leaf: Leaf<'_>) {
        match path {
            "Tp/CdOrPrtry/Cd" | "Tp/Cd" => self.code = leaf.word().unwrap_or_default().to_ascii_uppercase(),
            // A code of ISO 20022 is that, also where a bank writes it as its own.
            "Tp/CdOrPrtry/Prtry" if self.code.is_empty() && Candidates::uses(leaf.text.trim()) => {
                leaf.text.trim().clone_into(&mut self.code);
            }
            "Tp/SubTp/Cd" | "Tp/SubTp/Prtry" => self.subtype = leaf.word(),
            "Amt" => self.amount = Some(leaf.amount()),
            "CdtDbtInd" => self.direction = leaf.word().map(|text| (text, leaf.line)),
            "Dt/Dt" | "Dt/DtTm" | "Dt" => self.on = leaf.word().map(|text| (text, leaf.line)),
            _ => {}
        }
    }

    fn read(self, currency: Option<Currency>, kinds: &mut Vec<(&'static str, ProblemKind)>) -> Balance {
        let on = written_date(&self.on).unwrap_or_else(|kind| {
            kinds.push(("Bal/Dt", kind));
            None
        });
        let credit = direction(&self.direction).unwrap_or_else(|kind| {
            kinds.push(("Bal/CdtDbtInd", kind));
            None
        });
        let amount = self
            .amount
            .as_ref()
            .map_or(Err(ProblemKind::NoAmount), |amount| read_amount(amount, currency));
        let negative = amount.as_ref().is_ok_and(kernel::Money::is_negative);
        let money = match amount {
            Ok(money) => Some(signed(money, credit.unwrap_or(true))),
            Err(kind) => {
                kinds.push(("Bal/Amt", kind));
                None
            }
        };
        Balance {
            code: self.code,
            subtype: self.subtype,
            money,
            // A sign and a direction together may mean either: the arithmetic decides.
            sign_stated: credit.is_some() && !negative,
            on,
            line: self.line,
        }
    }
}
