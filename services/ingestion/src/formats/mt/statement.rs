//! A statement, or one page of it, while it is read: header, balances, sums, and in the end the proof.

use kernel::{BusinessDate, Currency, Money};

use super::account;
use super::entry::{Context, ReadEntry};
use super::problem::MtProblem;
use super::tags::{Kind, Tag};
use super::told::ToldSums;
use super::values::{amount, balance, sum, value_date};
use crate::formats::format::{Family, Format};
use crate::formats::model::{
    Balance, Page, Proof, StatementAccount, StatementEnd, StatementHeader, Status, Verdict, WrittenTime,
};
use crate::formats::problem::{Place, Problem, ProblemKind};
use crate::formats::proof::{Candidates, Sums, prove};

/// More balances than this in one statement are not kept.
const MAX_BALANCES: usize = 4096;

/// What the page before left for this one.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    account: String,
    closing: Option<Money>,
    /// It ended with `:62M:`: the statement goes on.
    interim: bool,
    pub(super) line: u64,
    pub(super) index: u32,
}

/// One message, or one page in it.
pub(super) struct Statement {
    pub(super) header: StatementHeader,
    kind: Option<Kind>,
    /// Fields that only interim reports have.
    interim_fields: bool,
    /// In an envelope `{4:`, whose end must come.
    envelope: bool,
    pub(super) ended: bool,
    /// Account and currency are settled: the first entry was met, or the end.
    begun: bool,
    opening: bool,
    opening_interim: bool,
    opening_on: Option<BusinessDate>,
    closing: bool,
    closing_interim: bool,
    account_currency: Option<Currency>,
    floor_currency: Option<Currency>,
    pub(super) entries: u64,
    booked: u64,
    pending: u64,
    sums: Sums,
    told: ToldSums,
    quarantined: bool,
    problems: Vec<Problem>,
}

impl Statement {
    pub(super) fn new(index: u32, line: u64, kind: Option<Kind>, envelope: bool) -> Self {
        Self {
            header: StatementHeader::new(Format::plain(Family::Mt940), index, line),
            kind,
            interim_fields: false,
            envelope,
            ended: false,
            begun: false,
            opening: false,
            opening_interim: false,
            opening_on: None,
            closing: false,
            closing_interim: false,
            account_currency: None,
            floor_currency: None,
            entries: 0,
            booked: 0,
            pending: 0,
            sums: Sums::default(),
            told: ToldSums::default(),
            quarantined: false,
            problems: Vec::new(),
        }
    }

    /// The next page of the same message: what its header does not repeat.
    pub(super) fn next_page(&self, line: u64) -> Self {
        let mut page = Self::new(0, line, self.kind, self.envelope);
        page.header.id.clone_from(&self.header.id);
        page.header.account = self.header.account.clone();
        page.account_currency = self.account_currency;
        page
    }

    /// Whether a field cannot belong to this statement any more: another page, or another statement, begins.
    pub(super) fn is_over_before(&self, tag: Tag) -> bool {
        let moneyed = self.opening || self.closing || self.entries > 0;
        match tag {
            Tag::Account => self.closing && !self.header.account.number.is_empty(),
            Tag::Number => {
                moneyed && (self.header.sequence_number.is_some() || self.header.page.is_some() || self.closing)
            }
            Tag::Opening { .. } => self.opening || self.closing,
            Tag::Entry => self.closing && self.ended,
            _ => false,
        }
    }

    /// A balance, an entry, or a field of an interim report: without any it is no statement.
    pub(super) fn is_statement(&self) -> bool {
        self.opening || self.closing || self.entries > 0 || self.interim_fields
    }

    /// Whether nothing of it is booked.
    fn is_interim(&self) -> bool {
        self.kind == Some(Kind::Mt942) || (self.kind.is_none() && self.interim_fields && !self.opening)
    }

    pub(super) fn is_in_envelope(&self) -> bool {
        self.envelope
    }

    /// Problems met since the last call, for the receiver.
    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    pub(super) fn central(&self) -> bool {
        let currency = self.header.currency.or(self.account_currency);
        account::is_in_central_europe(&self.header.account, currency)
    }

    fn tell(&mut self, line: u64, element: &str, kind: impl Into<ProblemKind>) {
        let kind = kind.into();
        self.quarantined |= kind.quarantines();
        let path = match element {
            "" => format!("Stmt[{}]", self.header.index),
            _ => format!("Stmt[{}]/{element}", self.header.index),
        };
        let at = Place { line, path };
        self.problems.push(Problem { at, kind });
    }

    pub(super) fn overfull(&mut self, line: u64, tag: Tag) {
        let limit = super::tags::MAX_FIELD;
        self.tell(line, tag.name(), MtProblem::FieldTooLong { tag: tag.name(), limit });
    }

    /// A field of the header or the balances.
    pub(super) fn field(&mut self, tag: Tag, text: &str, line: u64) {
        match tag {
            Tag::Reference => self.header.id = super::details::some(text),
            Tag::Account => self.account(text, line),
            Tag::Number => self.number(text.trim()),
            Tag::Opening { interim } => {
                if self.opening || self.entries > 0 {
                    self.tell(line, tag.name(), MtProblem::WrongOrder { tag: tag.name() });
                }
                self.opening = true;
                self.opening_interim = interim;
                self.balance(tag, text, line);
            }
            Tag::Closing { interim } => {
                if self.closing {
                    self.tell(line, tag.name(), MtProblem::WrongOrder { tag: tag.name() });
                }
                self.closing = true;
                self.closing_interim = interim;
                self.balance(tag, text, line);
            }
            Tag::Available | Tag::Forward => self.balance(tag, text, line),
            Tag::FloorLimit => {
                self.interim_fields = true;
                let currency = sum(text).map(|(_, currency, _)| currency);
                self.floor_currency = self.floor_currency.or(currency);
            }
            Tag::Time => self.time(text.trim()),
            Tag::Sum { credit } => self.told(credit, text, line),
            Tag::Related | Tag::Entry | Tag::Details | Tag::NonSwift => {}
        }
    }

    fn account(&mut self, text: &str, line: u64) {
        if self.begun {
            self.tell(line, ":25:", MtProblem::WrongOrder { tag: ":25:" });
            return;
        }
        (self.header.account, self.account_currency) = account::read(text);
    }

    /// `5/1`: number and page. Banks that do not number write zeros.
    fn number(&mut self, text: &str) {
        let (number, page) = text.split_once('/').unwrap_or((text, ""));
        let says = |text: &str| text.bytes().any(|byte| byte != b'0' && !byte.is_ascii_whitespace());
        self.header.sequence_number = says(number).then(|| number.trim().to_owned());
        self.header.page = says(page).then(|| Page {
            number: page.trim().to_owned(),
            last: true,
        });
    }

    /// `YYMMDDhhmm` and an offset, of an interim report.
    fn time(&mut self, text: &str) {
        self.interim_fields = true;
        let on = text.get(..6).and_then(|date| value_date(date).0);
        self.header.created = on.map(|on| WrittenTime {
            on,
            text: text.to_owned(),
        });
    }

    fn told(&mut self, credit: bool, text: &str, line: u64) {
        self.interim_fields = true;
        let currency = self.told.tell(credit, text, line);
        self.floor_currency = self.floor_currency.or(currency);
    }

    /// Balances under the names that ISO 20022 gives them.
    fn balance(&mut self, tag: Tag, text: &str, line: u64) {
        let (code, interim, proves) = match tag {
            Tag::Opening { interim } => ("OPBD", interim, true),
            Tag::Closing { interim } => ("CLBD", interim, true),
            Tag::Available => ("CLAV", false, false),
            _ => ("FWAV", false, false),
        };
        if self.header.balances.len() >= MAX_BALANCES {
            if self.header.balances.len() == MAX_BALANCES {
                self.tell(line, tag.name(), MtProblem::TooManyBalances(MAX_BALANCES));
            }
            if !proves {
                return;
            }
        }
        let mut problems = Vec::new();
        let (money, on) = self.balance_value(tag, text, &mut problems);
        for problem in problems.into_iter().filter(|_| proves) {
            self.tell(line, tag.name(), problem);
        }
        if matches!(tag, Tag::Opening { .. }) {
            self.opening_on = on;
        }
        self.header.balances.push(Balance {
            code: code.to_owned(),
            subtype: interim.then(|| "INTM".to_owned()),
            money,
            sign_stated: true,
            on,
            line,
        });
    }

    fn balance_value(
        &mut self,
        tag: Tag,
        text: &str,
        problems: &mut Vec<MtProblem>,
    ) -> (Option<Money>, Option<BusinessDate>) {
        let raw = match balance(tag.name(), text) {
            Ok(raw) => raw,
            Err(problem) => {
                problems.push(problem);
                return (None, None);
            }
        };
        // Zeros are no date: some banks do not know that of the opening balance.
        let (on, problem) = if raw.date == "000000" {
            (None, None)
        } else {
            value_date(raw.date)
        };
        problems.extend(problem);
        let known = self.header.currency.or(self.account_currency).or(self.floor_currency);
        let currency = match (raw.currency, known) {
            (Some(currency), _) => currency,
            (None, Some(currency)) => {
                problems.push(MtProblem::BalanceCurrencyAssumed {
                    tag: tag.name(),
                    currency,
                });
                currency
            }
            (None, None) => {
                problems.push(MtProblem::BadBalance {
                    tag: tag.name(),
                    text: super::problem::short(text),
                });
                return (None, on);
            }
        };
        // The opening balance says the statement's currency; the account's own text and the closing one come after it.
        if matches!(tag, Tag::Opening { .. }) || (matches!(tag, Tag::Closing { .. }) && !self.opening && !self.begun) {
            self.header.currency = self.header.currency.or(Some(currency));
        }
        let (money, problem) = amount(raw.amount, currency);
        problems.extend(problem);
        let money = money.and_then(|money| {
            if raw.credit {
                Some(money)
            } else {
                money.checked_neg().ok()
            }
        });
        (money, on)
    }

    /// The first entry or the end: account, currency and kind are settled. True the first time.
    pub(super) fn begin(&mut self) -> bool {
        if std::mem::replace(&mut self.begun, true) {
            return false;
        }
        if self.is_interim() {
            let format = Format::plain(Family::Mt942);
            self.header.kind = format.kind();
            self.header.format = format;
        }
        self.header.currency = self.header.currency.or(self.floor_currency).or(self.account_currency);
        true
    }

    /// What its first entry needs and is not there.
    pub(super) fn check_begun(&mut self, has_entry: bool) {
        let line = self.header.line;
        if self.header.account.number.is_empty() {
            self.tell(line, ":25:", MtProblem::NoAccount);
        }
        if !self.is_interim() && !self.opening {
            self.tell(line, ":60F:", MtProblem::NoOpening);
        }
        if has_entry && self.header.currency.is_none() {
            self.tell(line, ":61:", MtProblem::NoCurrency);
        }
    }

    pub(super) fn context(&self, dialect: Option<super::dialect::Dialect>) -> Context {
        Context {
            statement: self.header.index,
            currency: self.header.currency,
            opening_on: self.opening_on,
            interim: self.is_interim(),
            dialect,
        }
    }

    /// Whether amounts can be read.
    pub(super) fn knows_currency(&self) -> bool {
        self.begun
            || self
                .header
                .currency
                .or(self.floor_currency)
                .or(self.account_currency)
                .is_some()
    }

    /// The number of the entry that begins here, and whether the closing balance is behind it already.
    pub(super) fn next_entry(&mut self) -> (u64, bool) {
        self.entries = self.entries.saturating_add(1);
        (self.entries, self.closing)
    }

    /// Adds an entry to the sums.
    pub(super) fn count(&mut self, read: &mut ReadEntry, late: bool) {
        let entry = &read.entry;
        if let Some(money) = entry.amount {
            self.told.count(money, read.credit_letter, entry.credit);
        }
        if entry.status == Status::Booked {
            self.booked += 1;
            self.sums.add(entry.amount, entry.reversal);
        } else {
            self.pending += 1;
        }
        let (line, element) = (entry.line, format!(":61:[{}]", entry.number));
        for problem in std::mem::take(&mut read.problems) {
            self.tell(line, &element, problem);
        }
        if late {
            self.tell(line, &element, MtProblem::WrongOrder { tag: ":61:" });
        }
    }

    /// The end: all that is left to tell is in `take_problems` afterwards.
    pub(super) fn finish(&mut self, before: Option<&Chain>) -> StatementEnd {
        let line = self.header.line;
        if let Some(page) = &mut self.header.page {
            page.last = !self.closing_interim;
        }
        if self.envelope && !self.ended && (self.closing || self.is_interim()) {
            self.tell(line, "", MtProblem::NoEnd { closed: self.closing });
        }
        let proof = if self.is_interim() {
            for (line, tag, problem) in self.told.check() {
                self.tell(line, tag, problem);
            }
            Proof {
                verdict: Verdict::Absent,
                opening: None,
                closing: None,
                booked_minor: 0,
                left_out: 0,
            }
        } else {
            if !self.closing {
                self.tell(line, ":62F:", MtProblem::NoClosing);
            }
            let proof = self.prove();
            self.check_chain(before, &proof);
            proof
        };
        StatementEnd {
            header: self.header.clone(),
            proof,
            booked: self.booked,
            pending: self.pending,
            info: 0,
            quarantined: self.quarantined,
            // Each page proves itself by the balances between pages.
            page: None,
            undecided: false,
            together: Vec::new(),
        }
    }

    fn prove(&mut self) -> Proof {
        let candidates = Candidates::of(&self.header.balances, self.header.currency);
        let mut kinds = candidates.foreign();
        let outcome = prove(&candidates, &self.sums);
        if outcome.proof.verdict == Verdict::Fails {
            let mut failure = self.sums.failure(&outcome.proof);
            // Said in the words of this format.
            let flips = std::mem::replace(&mut failure.holds_if_reversals_flip, false);
            kinds.push((self.header.line, ProblemKind::ProofFails(failure)));
            if flips {
                kinds.push((self.header.line, MtProblem::ReversedReversals.into()));
            }
        }
        for (line, kind) in kinds {
            self.tell(line, "", kind);
        }
        outcome.proof
    }

    /// Pages of one statement follow each other without a gap; statements of one account should.
    fn check_chain(&mut self, before: Option<&Chain>, proof: &Proof) {
        let line = self.header.line;
        let before = before.filter(|before| before.account == self.header.account.number);
        let balances = before.and_then(|before| Some((before, before.closing?, proof.opening?)));
        let Some((before, closing, opening)) = balances.filter(|(_, closing, opening)| closing != opening) else {
            return;
        };
        if before.interim && self.opening_interim {
            self.tell(line, ":60M:", MtProblem::PagesBroken { opening, closing });
        } else {
            self.tell(line, ":60F:", MtProblem::Gap { opening, closing });
        }
    }

    /// What the next page of the file must follow.
    pub(super) fn chain(&self, proof: &Proof) -> Chain {
        Chain {
            account: self.header.account.number.clone(),
            closing: proof.closing,
            interim: self.closing_interim,
            line: self.header.line,
            index: self.header.index,
        }
    }
}

impl Chain {
    /// The page ended with `:62M:`, and what follows it, if anything, is not its next page.
    pub(super) fn is_left_open(&self, next: Option<&StatementAccount>) -> bool {
        self.interim && next.is_none_or(|next| next.number != self.account)
    }
}
