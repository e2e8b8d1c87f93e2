//! The first pass: every statement is proved before anything of the file is booked.

use chrono::NaiveDate;
use kernel::BusinessDate;
use runtime::{Context, Failure, Scope, Tx};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::pages::settle_pages;
use super::{MAX_AMOUNT_MINOR, map, source};
use crate::config::Config;
use crate::domain::keys::{Dates, statement_key};
use crate::domain::tokens::normalise;
use crate::formats::{
    self, Event, Problem, ReadError, Refusal, Settings, StatementEnd, StatementHeader, StatementKind, Verdict,
};
use crate::store::raw::{self, Raw};
use crate::store::registry;
use crate::store::statements::{self, AWAITS_PAGES, PROOF_FAILS, Statement};

/// Problems of one statement that are kept; more of the same help nobody.
const MAX_PROBLEMS: usize = 50;

/// Characters of an account's number that are kept.
const ACCOUNT_MAX: usize = 100;

/// What the first pass came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Somebody else was first, or the item is finished.
    Nothing,
    /// The file is refused: no bank file that can be read.
    Refused,
    /// Every statement is quarantined.
    Quarantined,
    /// At least one statement may be booked, or all are already.
    Proved,
}

/// A statement while its entries pass by.
struct Proving {
    account: String,
    kind: StatementKind,
    content: Sha256,
    entries: i64,
    first_booked_on: Option<BusinessDate>,
    last_booked_on: Option<BusinessDate>,
    undated: bool,
    implausible: bool,
    quarantines: bool,
    problems: Vec<Value>,
}

/// The file, read.
enum Read {
    Statements(Vec<Statement>),
    Refused(Box<Refusal>),
}

/// Proves a stored file and keeps what was found.
///
/// # Errors
/// When the database or the store does not answer.
pub async fn prove(ctx: &Context, item: &Raw) -> Result<Outcome, Failure> {
    let mut input = raw::open(ctx, item).await?;
    let raw_id = item.raw_id;
    let config = ctx.config::<Config>();
    let origin = item.origin.clone();
    let read =
        tokio::task::spawn_blocking(
            move || match source::choose(&config, source::named(&origin), &mut input)? {
                Ok(settings) => read_all(input, &settings, raw_id),
                Err(refusal) => Ok(Read::Refused(refusal)),
            },
        )
        .await
        .map_err(anyhow::Error::new)??;
    let mut tx = ctx.begin(Scope::Service).await?;
    let Some(now) = raw::lock(tx.conn(), raw_id)
        .await?
        .filter(|now| now.state == "received")
    else {
        tx.rollback().await?;
        return Ok(Outcome::Nothing);
    };
    let at = ctx.now();
    let outcome = match read {
        Read::Refused(refusal) => {
            let problem = json!({"where": refusal.at.to_string(), "what": refusal.reason.to_string(), "remedy": refusal.reason.remedy()});
            raw::set_state(
                tx.conn(),
                raw_id,
                "refused",
                Some("not-a-readable-bank-file"),
                &json!([problem]),
                at.utc(),
            )
            .await?;
            Outcome::Refused
        }
        Read::Statements(found) => keep(&mut tx, &now, found, at.utc()).await?,
    };
    tx.commit().await?;
    Ok(outcome)
}

/// Judges the statements against what is known of bank accounts, and keeps them.
async fn keep(
    tx: &mut Tx,
    item: &Raw,
    found: Vec<Statement>,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<Outcome, Failure> {
    let mut found = found;
    for statement in &mut found {
        if statement.state == "proved" || statement.reason.as_deref() == Some(AWAITS_PAGES) {
            let reason = against_registry(tx, item, statement).await?;
            if let Some((reason, problem)) = reason {
                statement.state = "quarantined".to_owned();
                statement.reason = Some(reason.to_owned());
                if let Value::Array(problems) = &mut statement.problems {
                    problems.push(problem);
                }
            }
        }
    }
    let waiting = settle_pages(tx, item.raw_id, &mut found).await?;
    for mut statement in found {
        if let Some((earlier, content)) = statements::with_key(tx.conn(), &statement).await? {
            statement.repeats = Some(earlier);
            statement.repeats_exactly = Some(content == statement.content_sha256);
            if content != statement.content_sha256
                && let Value::Array(problems) = &mut statement.problems
            {
                problems.push(json!({
                    "where": format!("Stmt[{}]", statement.number),
                    "what": format!("it has the number and dates of statement {earlier}, but says something else"),
                    "remedy": "What is new in it is booked, nothing is taken back: compare both, and ask the bank which one holds.",
                }));
            }
        }
        statements::put(tx.conn(), &statement, at).await?;
    }
    raw::reopen_pages(tx.conn(), &waiting).await?;
    let kept = statements::of_raw(tx.conn(), item.raw_id).await?;
    let (state, reason, outcome) = if kept.iter().any(|statement| statement.state == "proved") {
        ("proved", None, Outcome::Proved)
    } else if kept.iter().any(|statement| statement.state == "booked") {
        ("done", None, Outcome::Proved)
    } else {
        (
            "quarantined",
            kept.iter().find_map(|statement| statement.reason.clone()),
            Outcome::Quarantined,
        )
    };
    raw::set_state(tx.conn(), item.raw_id, state, reason.as_deref(), &json!([]), at).await?;
    Ok(outcome)
}

/// Whose the bank account is, whether the sender acts for that creditor, and the account's currency.
async fn against_registry(
    tx: &mut Tx,
    item: &Raw,
    statement: &Statement,
) -> Result<Option<(&'static str, Value)>, Failure> {
    let place = format!("Stmt[{}]", statement.number);
    let problem = |what: &str, remedy: &str| json!({"where": place, "what": what, "remedy": remedy});
    let Some(account) = registry::bank_account(tx.conn(), &statement.bank_account).await? else {
        let problem = problem(
            "no creditor has this bank account",
            "Register it with its creditor; the statement is tried again by itself then.",
        );
        return Ok(Some(("unknown-bank-account", problem)));
    };
    if !item.acts_for.iter().any(|code| code == "*" || *code == account.code) {
        let problem = problem(
            "the sender does not act for this bank account's creditor",
            "Send it with a token of that creditor.",
        );
        return Ok(Some(("not-the-senders-bank-account", problem)));
    }
    if statement.currency.as_deref() != Some(account.currency.code()) {
        let problem = problem(
            "the statement is in another currency than the bank account",
            "Correct the bank account's currency at its creditor, or ask the bank for the right account.",
        );
        return Ok(Some(("not-the-accounts-currency", problem)));
    }
    Ok(None)
}

/// Blocking: reads the whole file.
fn read_all(input: Box<dyn raw::ReadSeek>, settings: &Settings, raw_id: Uuid) -> Result<Read, Failure> {
    let mut done: Vec<Statement> = Vec::new();
    let mut now: Option<Proving> = None;
    let mut condemned: Option<Problem> = None;
    let mut sink = |event: Event| -> Result<(), std::convert::Infallible> {
        match event {
            Event::StatementStart(header) => now = Some(Proving::new(&header)),
            Event::Entry(entry) => {
                if let Some(now) = &mut now {
                    now.entry(&entry);
                }
            }
            // Wrong about the whole file: no statement of it may be booked.
            Event::Problem {
                statement: None,
                problem,
            } if problem.quarantines() => condemned = Some(problem),
            Event::Problem { problem, .. } => {
                if let Some(now) = &mut now {
                    now.problem(&problem);
                }
            }
            Event::StatementEnd(end) => {
                if let Some(now) = now.take() {
                    done.push(now.end(&end, raw_id));
                }
            }
        }
        Ok(())
    };
    match formats::read_with(input, settings, &mut sink) {
        Ok(_) => {
            if let Some(problem) = &condemned {
                done.iter_mut().for_each(|statement| condemn(statement, problem));
            }
            Ok(Read::Statements(done))
        }
        Err(ReadError::Refused(refusal)) => Ok(Read::Refused(refusal)),
        Err(ReadError::Io(error)) => Err(error.into()),
        Err(ReadError::Receiver(never)) => match never {},
    }
}

fn as_json(problem: &Problem) -> Value {
    json!({"where": problem.at.to_string(), "what": problem.kind.to_string(), "remedy": problem.kind.remedy()})
}

fn condemn(statement: &mut Statement, problem: &Problem) {
    if let Value::Array(problems) = &mut statement.problems {
        problems.push(as_json(problem));
    }
    // Nor may other pages of it decide that it is booked.
    if statement.state == "proved" || statement.page_of.is_some() {
        statement.state = "quarantined".to_owned();
        statement.reason = Some("statement-has-errors".to_owned());
    }
}

impl Proving {
    fn new(header: &StatementHeader) -> Self {
        Self {
            account: normalise(&header.account.number),
            kind: header.kind,
            content: Sha256::new(),
            entries: 0,
            first_booked_on: None,
            last_booked_on: None,
            undated: false,
            implausible: false,
            quarantines: false,
            problems: Vec::new(),
        }
    }

    fn entry(&mut self, read: &formats::Entry) {
        self.entries += 1;
        let Some(entry) = map::entry(read, self.kind) else {
            return;
        };
        let key = entry.key(&self.account, Dates::Final);
        self.content.update(key.id().as_uuid());
        self.content.update(entry.status.word());
        if let Some(on) = entry.booked_on {
            self.first_booked_on = Some(self.first_booked_on.map_or(on, |first| first.min(on)));
            self.last_booked_on = Some(self.last_booked_on.map_or(on, |last| last.max(on)));
        }
        self.undated |= entry.booked_on.is_none() && entry.value_on.is_none();
        self.implausible |= entry.amount.minor().unsigned_abs() > MAX_AMOUNT_MINOR.unsigned_abs();
    }

    fn problem(&mut self, problem: &Problem) {
        self.quarantines |= problem.quarantines();
        if self.problems.len() < MAX_PROBLEMS || problem.quarantines() && self.problems.len() < 2 * MAX_PROBLEMS {
            self.note(
                &problem.at.to_string(),
                &problem.kind.to_string(),
                problem.kind.remedy(),
            );
        }
    }

    fn note(&mut self, place: &str, what: &str, remedy: &str) {
        self.problems
            .push(json!({"where": place, "what": what, "remedy": remedy}));
    }

    /// The reason of a quarantine that the file itself gives.
    fn reason(&mut self, end: &StatementEnd, closing_on: Option<BusinessDate>) -> Option<&'static str> {
        let place = format!("Stmt[{}]", end.header.index);
        if end.proof.verdict == Verdict::Fails {
            return Some(PROOF_FAILS);
        }
        if self.quarantines || end.quarantined {
            return Some("statement-has-errors");
        }
        if self.implausible {
            self.note(
                &place,
                "an amount above ten trillion is not believed",
                "Ask the bank whether the amount is right.",
            );
            return Some("implausible-amount");
        }
        if self.undated && closing_on.is_none() {
            self.note(
                &place,
                "an entry has neither booking nor value date, nor has the statement",
                "Ask the bank for dates.",
            );
            return Some("no-date");
        }
        end.undecided.then_some(AWAITS_PAGES)
    }

    fn end(mut self, end: &StatementEnd, raw_id: Uuid) -> Statement {
        let header = &end.header;
        let written = |time: &Option<formats::WrittenTime>| time.as_ref().map(|time| time.text.clone());
        let closing_on = closing_on(end);
        let reason = self.reason(end, closing_on);
        let naive = |on: Option<BusinessDate>| on.map(|on| on.naive());
        let minor = |money: Option<kernel::Money>| money.map(|money| money.minor());
        self.content
            .update(format!("{:?}|{:?}", minor(end.proof.opening), minor(end.proof.closing)));
        let (from_at, to_at) = (written(&header.from), written(&header.to));
        let page = header.page.as_ref().or(header.message_page.as_ref());
        // Pages of one statement share its number: which follows which, their balances tell.
        let paged =
            page.is_some_and(|page| !page.last || page.number.trim().parse::<u64>().is_ok_and(|number| number > 1));
        let sequence = header
            .sequence_number
            .as_ref()
            .or(header.legal_sequence_number.as_ref());
        let day = closing_on.map(|on| on.to_string());
        Statement {
            statement_id: Statement::id(raw_id, header.index),
            raw_id,
            number: i32::try_from(header.index).unwrap_or(i32::MAX),
            bank_account: kept(&normalise(&header.account.number)),
            statement_key: statement_key(
                &normalise(&header.account.number),
                &[
                    Some(header.format.family.channel()),
                    header.id.as_deref(),
                    sequence.map(String::as_str),
                    from_at.as_deref(),
                    to_at.as_deref(),
                    day.as_deref(),
                    page.map(|page| page.number.as_str()),
                ],
            ),
            content_sha256: hex::encode(self.content.finalize()),
            currency: header.currency.map(|currency| currency.code().to_owned()),
            sequence: sequence
                .filter(|_| !paged)
                .and_then(|number| number.trim().parse().ok()),
            from_at,
            to_at,
            opening_minor: minor(end.proof.opening),
            closing_minor: minor(end.proof.closing),
            from_on: naive(header.from.as_ref().map(|from| from.on)),
            closing_on: naive(closing_on),
            first_booked_on: naive(self.first_booked_on.or(closing_on)),
            last_booked_on: naive(self.last_booked_on.or(closing_on)),
            proof: end.proof.verdict.word().to_owned(),
            entries: self.entries,
            state: if reason.is_some() { "quarantined" } else { "proved" }.to_owned(),
            reason: reason.map(str::to_owned),
            problems: Value::Array(self.problems),
            repeats: None,
            repeats_exactly: None,
            next_entry: 0,
            page_of: end.page.as_ref().map(|page| page.of.clone()),
            page_no: end.page.as_ref().and_then(|page| i64::try_from(page.number).ok()),
            page_last: end.page.as_ref().is_some_and(|page| page.last),
            booked_minor: i64::try_from(end.proof.booked_minor).ok(),
            pages_with: Vec::new(),
            covers: true,
        }
    }
}

/// An account's number as it is kept: one that is cut here is no registered one, which have at most 50 characters.
fn kept(number: &str) -> String {
    number.chars().take(ACCOUNT_MAX).collect()
}

/// The date of the closing balance, else the end of the period, else the last balance's date, else when it was made.
fn closing_on(end: &StatementEnd) -> Option<BusinessDate> {
    let header = &end.header;
    let of = |code: &str| {
        header
            .balances
            .iter()
            .rev()
            .find(|balance| balance.code == code)
            .and_then(|balance| balance.on)
    };
    of("CLBD")
        .or_else(|| header.to.as_ref().map(|to| to.on))
        .or_else(|| header.balances.iter().filter_map(|balance| balance.on).max())
        .or_else(|| header.created.as_ref().map(|created| created.on))
        .or_else(|| header.message_created.as_ref().map(|created| created.on))
}

/// A date as tables keep it.
pub(super) fn from_naive(on: NaiveDate) -> Result<BusinessDate, Failure> {
    BusinessDate::from_naive(on).map_err(|error| Failure::new(anyhow::Error::new(error)))
}
