//! Pages of one statement, in one file or several: proved together before any of them is booked.

use std::collections::BTreeMap;

use kernel::Currency;
use runtime::{Failure, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::pages::{Known, Page, Together, groups, settle};
use crate::formats::ProblemKind;
use crate::formats::pages::failure;
use crate::store::statements::{self, AWAITS_PAGES, PROOF_FAILS, Statement};

/// The page that a statement is, where other pages may have a say in it.
fn page_of(statement: &Statement) -> Option<(String, Known<Uuid>)> {
    let may = statement.state != "quarantined"
        || [AWAITS_PAGES, PROOF_FAILS]
            .map(Some)
            .contains(&statement.reason.as_deref());
    let of = statement.page_of.clone().filter(|_| may)?;
    let page = Page {
        last: statement.page_last,
        opening_minor: statement.opening_minor,
        closing_minor: statement.closing_minor,
        booked_minor: i128::from(statement.booked_minor?),
    };
    let known = Known {
        id: statement.statement_id,
        number: u64::try_from(statement.page_no?).ok()?,
        page,
    };
    Some((of, known))
}

/// What became of a page.
struct Settled {
    outcome: Together,
    with: Vec<Uuid>,
}

/// Settles the pages among the statements of a file with each other and with those of other files. Gives the files whose pages
/// can be proved now, too.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn settle_pages(tx: &mut Tx, raw_id: Uuid, found: &mut [Statement]) -> Result<Vec<Uuid>, Failure> {
    let paged: Vec<(String, String, Known<Uuid>)> = found
        .iter()
        .filter_map(|statement| page_of(statement).map(|(of, known)| (statement.bank_account.clone(), of, known)))
        .collect();
    if paged.is_empty() {
        return Ok(Vec::new());
    }
    let mut settled: BTreeMap<Uuid, Settled> = BTreeMap::new();
    let mut waiting: Vec<Uuid> = Vec::new();
    let named = paged
        .iter()
        .map(|(account, of, known)| ((account.as_str(), of.as_str()), known.number, (account, of, known)));
    for group in groups(named) {
        let beside: Vec<Known<Uuid>> = group.iter().map(|(_, (_, _, known))| (*known).clone()).collect();
        let Some((_, (account, of, _))) = group.first() else {
            continue;
        };
        // Two files with pages of one statement do not miss each other.
        statements::lock_pages(tx.conn(), account, of).await?;
        let others = statements::pages(tx.conn(), raw_id, account, of).await?;
        let known: Vec<Known<Uuid>> = others.iter().filter_map(|other| Some(page_of(other)?.1)).collect();
        for this in &beside {
            let (outcome, with) = settle(this, &beside, &known);
            if matches!(outcome, Together::Holds { .. }) {
                // Also those that were sent twice meanwhile: each is judged with itself for its number.
                let waited = others.iter().filter(|other| other.state == "quarantined");
                waiting.extend(waited.map(|other| other.raw_id));
            }
            settled.insert(this.id, Settled { outcome, with });
        }
    }
    for statement in found {
        if let Some(settled) = settled.remove(&statement.statement_id) {
            apply(statement, settled);
        }
    }
    waiting.sort_unstable();
    waiting.dedup();
    Ok(waiting)
}

/// Puts an outcome into the statement. A page that proves itself is booked whatever becomes of the others; it covers its days
/// only with all of them.
fn apply(statement: &mut Statement, settled: Settled) {
    let own = statement
        .page_of
        .as_deref()
        .is_some_and(|of| of.starts_with("statement|"));
    let alone = statement.proof == "holds";
    statement.covers = !own && alone;
    if let Together::Holds { whole, .. } = settled.outcome {
        statement.covers |= whole;
        statement.pages_with = settled.with;
    }
    if alone {
        return;
    }
    let (state, reason, proof) = match &settled.outcome {
        Together::Holds { .. } => ("proved", None, "holds"),
        Together::Absent => ("proved", None, "absent"),
        Together::Fails { .. } => ("quarantined", Some(PROOF_FAILS), "fails"),
        Together::Waits { .. } => ("quarantined", Some(AWAITS_PAGES), "absent"),
    };
    statement.state = state.to_owned();
    statement.reason = reason.map(str::to_owned);
    statement.proof = proof.to_owned();
    if let (Some(problem), Value::Array(problems)) = (problem(statement, &settled.outcome), &mut statement.problems) {
        problems.push(problem);
    }
}

fn problem(statement: &Statement, outcome: &Together) -> Option<Value> {
    let kind = match outcome {
        Together::Holds { .. } | Together::Absent => return None,
        Together::Waits { missing } => ProblemKind::PageWaits {
            number: statement
                .page_no
                .and_then(|number| u64::try_from(number).ok())
                .unwrap_or(0),
            missing: *missing,
        },
        Together::Fails {
            opening_minor,
            booked_minor,
            closing_minor,
        } => {
            let currency = statement
                .currency
                .as_deref()
                .and_then(|code| Currency::parse(code).ok());
            ProblemKind::ProofFails(failure(currency, *opening_minor, *booked_minor, *closing_minor))
        }
    };
    let place = format!("Stmt[{}]", statement.number);
    Some(json!({"where": place, "what": kind.to_string(), "remedy": kind.remedy()}))
}
