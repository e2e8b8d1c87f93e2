//! Target minus what is recorded: the rows to append, and what changed.

use kernel::{BusinessDate, FundsId, InvoiceId, ItemId, Jurisdiction, PaymentId};

use contracts::Explanation;

use super::explain;
use super::fact::{Fact, Moves};
use super::fold::{Step, Target, Why, target};
use super::policy::Policy;
use super::position::{Funds, Item, Lot, Net, Position};
use super::{Unsettled, minus, plus};

/// Everything about one account that a decision needs.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// As the tables say now: without `new`, with everything else.
    pub current: Position,
    /// Rows of the open day, summed.
    pub recorded: Net,
    /// Money on items from closed days; needed only where a fact may free money.
    pub pinned: Vec<Lot>,
    /// Facts of the open day that are in the tables.
    pub known: Vec<Fact>,
    /// The fact that arrives; none at the close.
    pub new: Option<Fact>,
}

/// A row to append to the allocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The funds.
    pub funds_id: FundsId,
    /// Their payment.
    pub payment_id: PaymentId,
    /// The item.
    pub item_id: ItemId,
    /// Its invoice.
    pub invoice_id: InvoiceId,
    /// Minus when money is taken from the item; never zero.
    pub amount_minor: i64,
    /// Value date of the funds.
    pub value_on: BusinessDate,
    /// Reason of a reversal, in the words of the event.
    pub reason: &'static str,
    /// Why.
    pub explanation: Explanation,
}

/// An item that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemChange {
    /// As it was; none where it is new.
    pub before: Option<Item>,
    /// As it is.
    pub after: Item,
}

/// Funds that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundsChange {
    /// The funds.
    pub funds_id: FundsId,
    /// As they were; none where they are new.
    pub before: Option<Funds>,
    /// As they are.
    pub after: Funds,
}

/// What happens to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Reversals first, then allocations, each in the order in which they came about.
    pub rows: Vec<Row>,
    /// Items that changed, by id.
    pub items: Vec<ItemChange>,
    /// Funds that changed, by id.
    pub funds: Vec<FundsChange>,
    /// The account's credit after it.
    pub credit_minor: i64,
    /// What the new fact moves.
    pub moves: Moves,
    /// Sum of the rows, signed.
    pub allocated_minor: i64,
}

/// Decides an account: all facts of its open day folded into where it stood at the day's start, less what is recorded.
///
/// # Errors
/// [`Unsettled`]: nothing is moved then.
pub fn decide(situation: Situation, policy: &Policy, jurisdiction: Jurisdiction) -> Result<Decision, Unsettled> {
    let Situation {
        current,
        recorded,
        pinned,
        mut known,
        new,
    } = situation;
    let start = current.clone().at_start(&known, &recorded, pinned)?;
    let moves = new
        .as_ref()
        .map(|fact| fact.body.moves())
        .transpose()?
        .unwrap_or_default();
    known.extend(new.clone());
    let target = target(start, &known)?;
    let rows = differences(&target, &recorded, new.as_ref(), policy, jurisdiction)?;
    let mut allocated_minor = 0_i64;
    for row in &rows {
        allocated_minor = plus(allocated_minor, row.amount_minor)?;
    }
    let mut credit_minor = 0_i64;
    for funds in target.end.funds.values() {
        credit_minor = plus(credit_minor, funds.credit_minor)?;
    }
    let (items, funds) = changes(&current, target.end);
    Ok(Decision {
        rows,
        items,
        funds,
        credit_minor,
        moves,
        allocated_minor,
    })
}

/// What differs between the tables and the position after the day's facts.
fn changes(current: &Position, end: Position) -> (Vec<ItemChange>, Vec<FundsChange>) {
    let amounts = |funds: &Funds| (funds.assigned_minor, funds.withdrawn_minor, funds.credit_minor);
    let items = end.items.into_iter().filter_map(|(item_id, after)| {
        let before = current.items.get(&item_id);
        (before != Some(&after)).then(|| ItemChange {
            before: before.cloned(),
            after,
        })
    });
    let funds = end.funds.into_iter().filter_map(|(funds_id, after)| {
        let before = current.funds.get(&funds_id);
        (before.map(amounts) != Some(amounts(&after))).then(|| FundsChange {
            funds_id,
            before: before.cloned(),
            after,
        })
    });
    (items.collect(), funds.collect())
}

/// One row per pair of funds and item whose net sum is not yet what it should be.
fn differences(
    target: &Target,
    recorded: &Net,
    new: Option<&Fact>,
    policy: &Policy,
    jurisdiction: Jurisdiction,
) -> Result<Vec<Row>, Unsettled> {
    let wanted = target.net()?;
    let mut open = Vec::new();
    for pair in recorded
        .keys()
        .chain(wanted.keys().filter(|pair| !recorded.contains_key(*pair)))
    {
        let is = recorded.get(pair).copied().unwrap_or(0);
        let should = wanted.get(pair).copied().unwrap_or(0);
        if is != should {
            open.push((*pair, minus(should, is)?));
        }
    }
    let mut rows = Vec::with_capacity(open.len());
    for ((funds_id, item_id), amount_minor) in open {
        let item = target.end.items.get(&item_id).ok_or(Unsettled::ItemMissing(item_id))?;
        let funds = target
            .end
            .funds
            .get(&funds_id)
            .ok_or(Unsettled::FundsMissing(funds_id))?;
        let of_pair = |step: &Step| step.funds_id == funds_id && step.item_id == item_id;
        let same_way = |step: &Step| of_pair(step) && (step.amount_minor > 0) == (amount_minor > 0);
        let at = target.steps.iter().rposition(same_way);
        let step = at.and_then(|at| target.steps.get(at));
        let subject = explain::Subject {
            item,
            funds,
            end: &target.end,
            new,
        };
        let row = Row {
            funds_id,
            payment_id: funds.payment_id,
            item_id,
            invoice_id: item.terms.invoice_id,
            amount_minor,
            value_on: funds.value_on,
            reason: reason(step),
            explanation: explain::explanation(&subject, step, policy, jurisdiction),
        };
        rows.push(((amount_minor > 0, at, funds_id, item_id), row));
    }
    rows.sort_by_key(|(order, _)| *order);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The reason of a reversal, in the words of the event.
fn reason(step: Option<&Step>) -> &'static str {
    match step.map(|step| &step.why) {
        Some(Why::Withdrawn(_)) => "funds_withdrawn",
        Some(Why::Reduced(change)) => change.word(),
        _ => "reallocated",
    }
}
