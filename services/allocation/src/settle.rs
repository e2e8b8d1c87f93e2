//! Load → decide → save → emit, for facts that arrive and for the close alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::{AccountId, AllocationId, MessageId, Timestamp};
use runtime::{Failure, Rejection, Tx};

use crate::domain::Unsettled;
use crate::domain::decide::{Decision, Row, Situation, decide};
use crate::domain::fact::{Body, Fact};
use crate::domain::journal;
use crate::domain::policy::Policy;
use crate::emit;
use crate::store::save::Decided;
use crate::store::{Account, load, save};

/// A fact that arrives on an account that is known and locked.
pub(crate) struct Arrival {
    pub account_id: AccountId,
    /// The message that brought it.
    pub cause: MessageId,
    /// Message time.
    pub at: Timestamp,
    pub body: Body,
}

/// The id of a row: of the message that caused it, the funds and the item. One decision has at most one row per pair.
pub(crate) fn allocation_id(cause: MessageId, row: &Row) -> AllocationId {
    AllocationId::derive(&[&cause.to_string(), &row.funds_id.to_string(), &row.item_id.to_string()])
}

/// The open day of each account's calendar, as `day` in its row names it.
fn days(tx: &Tx, accounts: &BTreeMap<AccountId, Account>) -> BTreeMap<String, i64> {
    let calendars: BTreeSet<&str> = accounts.values().map(|account| account.calendar.as_str()).collect();
    calendars
        .into_iter()
        .map(|calendar| (calendar.to_owned(), tx.day_start(calendar)))
        .collect()
}

fn day_of(days: &BTreeMap<String, i64>, account: &Account) -> i64 {
    days.get(account.calendar.as_str()).copied().unwrap_or(0)
}

/// Settles facts, at most one per account; `accounts` are locked. Returns the accounts whose fact is rejected: nothing is
/// written for those.
pub(crate) async fn arrivals(
    tx: &mut Tx,
    policy: &Arc<Policy>,
    accounts: &BTreeMap<AccountId, Account>,
    arrivals: Vec<Arrival>,
) -> Result<BTreeMap<AccountId, Rejection>, Failure> {
    let days = days(tx, accounts);
    let touched: Vec<&Account> = arrivals
        .iter()
        .filter_map(|arrival| accounts.get(&arrival.account_id))
        .collect();
    let new: BTreeMap<AccountId, &Body> = arrivals
        .iter()
        .map(|arrival| (arrival.account_id, &arrival.body))
        .collect();
    let mut situations = load::situations(tx.conn(), &touched, &new, |account| day_of(&days, account)).await?;
    let mut decided = Vec::with_capacity(arrivals.len());
    let mut rejected = BTreeMap::new();
    for Arrival {
        account_id,
        cause,
        at,
        body,
    } in arrivals
    {
        let Some(account) = accounts.get(&account_id) else {
            continue;
        };
        let mut situation = situations.remove(&account_id).unwrap_or_default();
        let fact = Fact {
            number: account.facts.saturating_add(1),
            body,
        };
        situation.new = Some(fact.clone());
        let day = day_of(&days, account);
        match one(account, situation, policy, day, cause, at, Some(fact)) {
            Ok(one) => decided.push(one),
            Err(unsettled) => {
                rejected.insert(account_id, rejection(&unsettled));
            }
        }
    }
    write(tx, &decided, true).await?;
    Ok(rejected)
}

/// Decides accounts again before their day closes. Returns those whose tables contradict themselves; they stay as they are.
pub(crate) async fn again(
    tx: &mut Tx,
    policy: &Arc<Policy>,
    accounts: &BTreeMap<AccountId, Account>,
    sequence: i64,
    at: Timestamp,
) -> Result<BTreeMap<AccountId, Unsettled>, Failure> {
    let days = days(tx, accounts);
    let all: Vec<&Account> = accounts.values().collect();
    let mut situations = load::situations(tx.conn(), &all, &BTreeMap::new(), |account| day_of(&days, account)).await?;
    let (mut decided, mut contradicting) = (Vec::new(), BTreeMap::new());
    for (account_id, account) in accounts {
        let situation = situations.remove(account_id).unwrap_or_default();
        let cause = MessageId::derive_text(&format!("allocation/close/{sequence}/{account_id}"));
        match one(account, situation, policy, day_of(&days, account), cause, at, None) {
            Ok(one) if differs(&one.decision) => decided.push(one),
            Ok(_) => {}
            Err(unsettled) => {
                contradicting.insert(*account_id, unsettled);
            }
        }
    }
    write(tx, &decided, false).await?;
    Ok(contradicting)
}

fn differs(decision: &Decision) -> bool {
    !decision.rows.is_empty() || !decision.items.is_empty() || !decision.funds.is_empty()
}

/// Decides one account and moves its counters on.
fn one(
    account: &Account,
    situation: Situation,
    policy: &Policy,
    day: i64,
    cause: MessageId,
    at: Timestamp,
    fact: Option<Fact>,
) -> Result<Decided, Unsettled> {
    let decision = decide(situation, policy, account.calendar.jurisdiction())?;
    let lines = journal::lines(decision.moves, decision.allocated_minor)?;
    let mut next = account.clone();
    if !account.touched_in(day) {
        (next.day, next.day_facts, next.day_allocations) = (day, account.facts, account.allocations);
    }
    let rows = i64::try_from(decision.rows.len()).map_err(|_| Unsettled::Overflow)?;
    next.facts = fact.as_ref().map_or(account.facts, |fact| fact.number);
    next.allocations = account.allocations.checked_add(rows).ok_or(Unsettled::Overflow)?;
    next.credit_minor = decision.credit_minor;
    let first_row = account.allocations.saturating_add(1);
    Ok(Decided {
        account: next,
        cause,
        at,
        fact,
        decision,
        lines,
        first_row,
    })
}

async fn write(tx: &mut Tx, decided: &[Decided], provisional: bool) -> Result<(), Failure> {
    if decided.is_empty() {
        return Ok(());
    }
    let segment = tx.segment();
    save::decided(tx.conn(), decided, segment).await?;
    for one in decided {
        emit::decided(tx, one, provisional)?;
    }
    Ok(())
}

/// Why a fact cannot be settled, as the rejection that parks its account.
fn rejection(unsettled: &Unsettled) -> Rejection {
    let rule = match unsettled {
        Unsettled::Overflow => "amount-overflow",
        Unsettled::Overdrawn(_) => "withdrawn-beyond-assigned",
        Unsettled::ItemMissing(_) | Unsettled::FundsMissing(_) | Unsettled::Contradiction(_) => "books-contradict",
    };
    Rejection::new(rule, unsettled.to_string())
}
