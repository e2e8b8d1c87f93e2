//! What the topics say of money: every payment once, every part of it once on its account, every cent of it somewhere.

use std::collections::{BTreeMap, HashMap, HashSet};

use contracts::catalogue::Topic;
use contracts::{
    AccountOpened, AllocationReversed, CreditHeld, FundsAllocated, FundsAssigned, FundsWithdrawn, InvoiceCorrected,
    InvoiceIssued, ItemOpened, ItemReopened, ItemSettled, Message, PaymentReceived, PaymentReversed, codec,
};
use kernel::{AccountId, CreditorId, FundsId, InvoiceId, ItemId, PaymentId};

use super::order::Seen;
use super::{Days, Findings};
use crate::plan::{Plan, RACER};
use crate::topics::Record;

/// Sums by creditor and name.
type DaySums = BTreeMap<(CreditorId, &'static str), i64>;
/// The same per closed day of a calendar: `RO@17:00@Europe/Bucharest 2031-01-06`.
pub type Sums = BTreeMap<String, DaySums>;

struct Payment {
    amount_minor: i64,
    name: Option<usize>,
    after: i64,
}

struct Funds {
    payment: PaymentId,
    account: AccountId,
    assigned_minor: i64,
    withdrawn_minor: i64,
    allocated_minor: i64,
    credit_minor: i64,
    after: i64,
    taken_after: Option<i64>,
}

struct Item {
    account: AccountId,
    invoice: InvoiceId,
    amount_minor: i64,
    settled_minor: i64,
}

/// A value that a day may change, as it was when its calendar's last day closed.
#[derive(Default)]
struct Value {
    now: i64,
    closed: i64,
}

/// The place of values among the decisions of the topic of allocations, the only one that has any.
const VALUES: &str = "values";

/// Decisions of the open day on one partition of one topic: by calendar, what was touched.
type Open = HashMap<(&'static str, i32, String), BTreeMap<String, i64>>;

/// The books, as the topics make them.
#[derive(Default)]
pub struct Books {
    /// The topic that is being read.
    topic: &'static str,
    names: HashMap<String, usize>,
    refused: HashSet<String>,
    calendars: HashMap<AccountId, (String, CreditorId)>,
    invoices: HashMap<InvoiceId, i64>,
    corrected: HashMap<InvoiceId, i64>,
    opened: HashMap<InvoiceId, i64>,
    payments: HashMap<PaymentId, Payment>,
    funds: HashMap<FundsId, Funds>,
    items: HashMap<ItemId, Item>,
    allocations: HashSet<uuid::Uuid>,
    values: HashMap<String, Value>,
    open: Open,
    sums_open: HashMap<(&'static str, i32, String), DaySums>,
    /// Sums per closed day.
    pub sums: Sums,
    days: Days,
}

impl Books {
    /// Empty books; from the plan only the names by which payments are known again.
    pub fn new(plan: &Plan) -> Self {
        let names = plan.payments.iter().enumerate();
        Self {
            names: names.map(|(n, payment)| (payment.name.clone(), n)).collect(),
            refused: plan.refused.iter().cloned().collect(),
            ..Self::default()
        }
    }

    /// Posts a record that was not there before.
    pub fn post(&mut self, topic: &'static Topic, record: &Record<'_>, seen: Seen, findings: &mut Findings) {
        self.topic = topic.name;
        let after = match seen {
            Seen::Fact { after } => after,
            Seen::Marker(marker) => {
                let day = format!("{} {}", marker.calendar, marker.closed_on);
                return self.close(record.partition, &marker.calendar.to_string(), &day);
            }
        };
        match codec::type_of(record.payload) {
            Some("AccountOpened") => with(record, findings, |event: AccountOpened, _| {
                let calendar = event.calendar.to_string();
                self.calendars.insert(event.account_id, (calendar, event.creditor_id));
            }),
            Some("InvoiceIssued") => with(record, findings, |event: InvoiceIssued, findings| {
                if self.invoices.insert(event.invoice_id, after).is_some() {
                    findings.add("duplicated", || format!("invoice {} is issued twice", event.invoice_id));
                }
                self.sum(record.partition, event.account_id, "issued", event.total_minor);
            }),
            Some("InvoiceCorrected") => with(record, findings, |event: InvoiceCorrected, _| {
                self.corrected.insert(event.invoice_id, event.total_minor);
            }),
            Some("PaymentReceived") => with(record, findings, |event, findings| {
                self.received(event, after, record, findings)
            }),
            Some("PaymentReversed") => with(record, findings, |event: PaymentReversed, _| {
                let calendar = event.calendar.to_string();
                let key = format!("reversed {} {}", event.payment_id, event.reversal_id);
                self.decide(record.partition, &calendar, key, event.amount_minor);
                self.sum_of(
                    record.partition,
                    calendar,
                    (event.creditor_id, "reversed"),
                    event.amount_minor,
                );
            }),
            Some("FundsAssigned") => with(record, findings, |event, findings| {
                self.assigned(event, after, record, findings)
            }),
            Some("FundsWithdrawn") => with(record, findings, |event, findings| {
                self.withdrawn(event, record, findings)
            }),
            _ => self.post_allocation(record, after, findings),
        }
    }

    fn post_allocation(&mut self, record: &Record<'_>, after: i64, findings: &mut Findings) {
        let partition = record.partition;
        match codec::type_of(record.payload) {
            Some("ItemOpened") => with(record, findings, |event: ItemOpened, _| {
                self.opened.entry(event.invoice_id).or_insert(after);
                self.items.entry(event.item_id).or_insert(Item {
                    account: event.account_id,
                    invoice: event.invoice_id,
                    amount_minor: event.amount_minor,
                    settled_minor: 0,
                });
            }),
            Some("ItemSettled") => with(record, findings, |event: ItemSettled, _| {
                self.set(partition, event.account_id, format!("settled {}", event.item_id), 1);
            }),
            Some("ItemReopened") => with(record, findings, |event: ItemReopened, _| {
                self.set(partition, event.account_id, format!("settled {}", event.item_id), 0);
            }),
            Some("FundsAllocated") => with(record, findings, |event: FundsAllocated, findings| {
                if !self.allocations.insert(event.allocation_id.as_uuid()) {
                    findings.add("duplicated", || {
                        format!("allocation {} lies there twice", event.allocation_id)
                    });
                }
                let place = (event.account_id, event.payment_id, event.item_id);
                self.allocated(record, after, event.funds_id, place, event.amount_minor, findings);
            }),
            Some("AllocationReversed") => with(record, findings, |event: AllocationReversed, findings| {
                if !self.allocations.insert(event.allocation_id.as_uuid()) {
                    findings.add("duplicated", || {
                        format!("reversal {} lies there twice", event.allocation_id)
                    });
                }
                let place = (event.account_id, event.payment_id, event.item_id);
                self.allocated(record, after, event.funds_id, place, -event.amount_minor, findings);
            }),
            Some("CreditHeld") => with(record, findings, |event: CreditHeld, findings| {
                match self.funds.get_mut(&event.funds_id) {
                    Some(funds) => {
                        funds.credit_minor = event.amount_minor;
                        funds.taken_after.get_or_insert(after);
                    }
                    None => findings.add("invented", || format!("credit of unknown funds {}", event.funds_id)),
                }
                let key = format!("credit {} {}", event.account_id, event.funds_id);
                self.set(partition, event.account_id, key, event.amount_minor);
            }),
            Some("AccountImpeded") => findings.add("parked", || format!("an account is impeded at {}", record.offset)),
            _ => {}
        }
    }

    fn received(&mut self, event: PaymentReceived, after: i64, record: &Record<'_>, findings: &mut Findings) {
        let name = event.references.iter().find_map(|name| self.names.get(name)).copied();
        if let Some(refused) = event.references.iter().find(|name| self.refused.contains(*name)) {
            findings.add("invented", || {
                format!("{refused} was refused and is a payment all the same")
            });
        }
        let payment = Payment {
            amount_minor: event.amount_minor,
            name,
            after,
        };
        if self.payments.insert(event.payment_id, payment).is_some() {
            findings.add("duplicated", || {
                format!("payment {} is received twice", event.payment_id)
            });
        }
        let calendar = event.calendar.to_string();
        let key = format!("received {} {} {}", event.payment_id, event.kind, event.value_on);
        self.decide(record.partition, &calendar, key, event.amount_minor);
        self.sum_of(
            record.partition,
            calendar,
            (event.creditor_id, "received"),
            event.amount_minor,
        );
    }

    fn assigned(&mut self, event: FundsAssigned, after: i64, record: &Record<'_>, findings: &mut Findings) {
        let funds = Funds {
            payment: event.payment_id,
            account: event.account_id,
            assigned_minor: event.amount_minor,
            withdrawn_minor: 0,
            allocated_minor: 0,
            credit_minor: 0,
            after,
            taken_after: None,
        };
        if self.funds.insert(event.funds_id, funds).is_some() {
            findings.add("duplicated", || format!("funds {} are assigned twice", event.funds_id));
        }
        let calendar = event.calendar.to_string();
        let (invoices, account) = (&event.invoice_ids, event.account_id);
        let key = format!(
            "assigned {} to {account} for {invoices:?} {}",
            event.payment_id, event.value_on
        );
        self.decide(record.partition, &calendar, key, event.amount_minor);
        self.sum_of(
            record.partition,
            calendar,
            (event.creditor_id, "assigned"),
            event.amount_minor,
        );
    }

    fn withdrawn(&mut self, event: FundsWithdrawn, record: &Record<'_>, findings: &mut Findings) {
        match self.funds.get_mut(&event.funds_id) {
            Some(funds) => funds.withdrawn_minor += event.amount_minor,
            None => findings.add("invented", || format!("unknown funds {} are withdrawn", event.funds_id)),
        }
        let calendar = event.calendar.to_string();
        let key = format!(
            "withdrawn {} from {} {}",
            event.payment_id, event.account_id, event.reason
        );
        self.decide(record.partition, &calendar, key, event.amount_minor);
        self.sum_of(
            record.partition,
            calendar,
            (event.creditor_id, "assigned"),
            -event.amount_minor,
        );
    }

    fn allocated(
        &mut self,
        record: &Record<'_>,
        after: i64,
        funds: FundsId,
        (account, payment, item): (AccountId, PaymentId, ItemId),
        amount_minor: i64,
        findings: &mut Findings,
    ) {
        match self.funds.get_mut(&funds) {
            Some(funds) => {
                funds.allocated_minor += amount_minor;
                funds.taken_after.get_or_insert(after);
            }
            None => findings.add("invented", || format!("unknown funds {funds} are allocated")),
        }
        if let Some(item) = self.items.get_mut(&item) {
            item.settled_minor += amount_minor;
        }
        let key = format!("allocated {payment} of {account} to {item}");
        let net = self.values.get(&key).map_or(0, |value| value.now) + amount_minor;
        self.set(record.partition, account, key, net);
    }

    fn sum(&mut self, partition: i32, account: AccountId, name: &'static str, amount_minor: i64) {
        if let Some((calendar, creditor)) = self.calendars.get(&account).cloned() {
            self.sum_of(partition, calendar, (creditor, name), amount_minor);
        }
    }

    fn sum_of(&mut self, partition: i32, calendar: String, sum: (CreditorId, &'static str), amount_minor: i64) {
        let sums = self.sums_open.entry((self.topic, partition, calendar)).or_default();
        *sums.entry(sum).or_default() += amount_minor;
    }

    /// A decision of the open day that stays.
    fn decide(&mut self, partition: i32, calendar: &str, key: String, amount_minor: i64) {
        let open = self
            .open
            .entry((self.topic, partition, calendar.to_owned()))
            .or_default();
        *open.entry(key).or_default() += amount_minor;
    }

    /// A value that the day may still change; what counts is what it is at the close.
    fn set(&mut self, partition: i32, account: AccountId, key: String, now: i64) {
        let calendar = self
            .calendars
            .get(&account)
            .map(|(calendar, _)| calendar.clone())
            .unwrap_or_default();
        self.values.entry(key.clone()).or_default().now = now;
        let open = self.open.entry((VALUES, partition, calendar)).or_default();
        open.insert(key, now);
    }

    /// A calendar's day is closed on a partition of the topic that is being read.
    fn close(&mut self, partition: i32, calendar: &str, day: &str) {
        let place = (self.topic, partition, calendar.to_owned());
        let decisions = self.days.entry(day.to_owned()).or_default();
        for (key, amount) in self.open.remove(&place).unwrap_or_default() {
            *decisions.entry(key).or_default() += amount;
        }
        for (sum, amount) in self.sums_open.remove(&place).unwrap_or_default() {
            *self.sums.entry(day.to_owned()).or_default().entry(sum).or_default() += amount;
        }
        let touched = (VALUES, partition, calendar.to_owned());
        for key in self.open.remove(&touched).unwrap_or_default().into_keys() {
            let value = self.values.entry(key.clone()).or_default();
            if value.now != value.closed {
                value.closed = value.now;
                decisions.insert(key, value.now);
            }
        }
    }

    /// Looks whether everything is there, once, in its day, and comes to what it must.
    pub fn balance(&self, plan: &Plan, findings: &mut Findings) {
        let mut found: HashMap<usize, Vec<(&PaymentId, &Payment)>> = HashMap::new();
        for (id, payment) in &self.payments {
            match payment.name {
                Some(name) => found.entry(name).or_default().push((id, payment)),
                None => findings.add("invented", || format!("payment {id} was never sent")),
            }
        }
        let mut parts: HashMap<PaymentId, Vec<&Funds>> = HashMap::new();
        for funds in self.funds.values() {
            parts.entry(funds.payment).or_default().push(funds);
        }
        for (name, expected) in plan.payments.iter().enumerate() {
            let seen = found.get(&name).map(Vec::as_slice).unwrap_or_default();
            let [(id, payment)] = seen else {
                let kind = if seen.is_empty() { "lost" } else { "duplicated" };
                findings.add(kind, || format!("{} is there {} times", expected.name, seen.len()));
                continue;
            };
            if payment.amount_minor != expected.amount_minor {
                findings.add("unbalanced", || {
                    format!("{} has another amount than was sent", expected.name)
                });
            }
            self.in_its_day(expected.firm, expected.day, payment.after, findings, || {
                format!("payment {}", expected.name)
            });
            let parts = parts.get(id).map(Vec::as_slice).unwrap_or_default();
            let whole = |account| matches!(parts, [part] if part.account == account && part.assigned_minor == expected.amount_minor);
            if expected.account.is_some_and(|account| !whole(account)) {
                let kind = if parts.len() > 1 { "duplicated" } else { "lost" };
                findings.add(kind, || {
                    format!("{} was not assigned to its account, once and whole", expected.name)
                });
            }
        }
        for (id, funds) in &self.funds {
            self.balance_funds(*id, funds, findings);
        }
        self.balance_invoices(plan, findings);
    }

    fn balance_funds(&self, id: FundsId, funds: &Funds, findings: &mut Findings) {
        let stays = funds.assigned_minor - funds.withdrawn_minor;
        let lies = funds.allocated_minor + funds.credit_minor;
        match funds.taken_after {
            None => findings.add("lost", || format!("funds {id} never arrived on their account")),
            Some(after) if after != funds.after => findings.add("behind_marker", || {
                format!(
                    "funds {id} of the day after {} were allocated after {after}",
                    funds.after
                )
            }),
            Some(_) => {}
        }
        if stays != lies {
            let kind = if lies > stays { "duplicated" } else { "lost" };
            findings.add(kind, || {
                format!("funds {id}: {stays} are assigned, {lies} are somewhere")
            });
        }
    }

    fn balance_invoices(&self, plan: &Plan, findings: &mut Findings) {
        for issued in &plan.invoices {
            let Some(after) = self.invoices.get(&issued.invoice) else {
                findings.add("lost", || format!("invoice {} was never issued", issued.invoice));
                continue;
            };
            self.in_its_day(issued.firm, issued.day, *after, findings, || {
                format!("invoice {}", issued.invoice)
            });
            match self.opened.get(&issued.invoice) {
                None => findings.add("lost", || format!("invoice {} opened no item", issued.invoice)),
                Some(opened) if opened != after => findings.add("behind_marker", || {
                    format!(
                        "invoice {} of the day after {after} opened its items after {opened}",
                        issued.invoice
                    )
                }),
                Some(_) => {}
            }
        }
        if self.invoices.len() > plan.invoices.len() {
            findings.add("invented", || {
                format!("{} invoices instead of {}", self.invoices.len(), plan.invoices.len())
            });
        }
    }

    /// The facts of compared day `d` (from 0) lie behind the markers `2d` of both calendars and before their own.
    fn in_its_day(&self, firm: usize, day: usize, after: i64, findings: &mut Findings, what: impl FnOnce() -> String) {
        let first = i64::try_from(2 * day).unwrap_or(i64::MAX);
        let last = match firm {
            RACER => i64::MAX,
            _ => first + i64::try_from(firm).unwrap_or(0),
        };
        if after < first || after > last {
            findings.add("behind_marker", || {
                format!("{} of day {day} lies after marker {after}", what())
            });
        }
    }

    /// The decisions of the compared days.
    pub fn compared(&self, plan: &Plan) -> Days {
        let racer = plan.firms[RACER].calendar();
        let mut days = self.days.clone();
        days.retain(|day, _| !day.starts_with(&racer));
        days
    }

    /// Some accounts with what is open and what is credit.
    pub fn accounts(&self, many: usize) -> Vec<(AccountId, i64, i64)> {
        let mut all: BTreeMap<AccountId, (i64, i64)> = BTreeMap::new();
        for item in self.items.values() {
            let amount = self.corrected.get(&item.invoice).copied().unwrap_or(item.amount_minor);
            all.entry(item.account).or_default().0 += amount - item.settled_minor;
        }
        for funds in self.funds.values() {
            all.entry(funds.account).or_default().1 += funds.credit_minor;
        }
        let some = all.into_iter().take(many);
        some.map(|(account, (open, credit))| (account, open, credit)).collect()
    }

    /// Some payments with their amount and number of parts.
    pub fn payments(&self, many: usize) -> Vec<(PaymentId, i64, usize)> {
        let mut parts: HashMap<PaymentId, usize> = HashMap::new();
        for funds in self.funds.values() {
            *parts.entry(funds.payment).or_default() += 1;
        }
        let mut ids: Vec<&PaymentId> = self.payments.keys().collect();
        ids.sort();
        let some = ids.into_iter().take(many);
        some.filter_map(|id| {
            Some((
                *id,
                self.payments.get(id)?.amount_minor,
                parts.get(id).copied().unwrap_or(0),
            ))
        })
        .collect()
    }
}

/// Decodes the event and posts it.
fn with<M: Message>(record: &Record<'_>, findings: &mut Findings, post: impl FnOnce(M, &mut Findings)) {
    match codec::decode(record.payload) {
        Ok(event) => post(event, findings),
        Err(error) => findings.add("undecodable", || {
            format!("{} at offset {}: {error}", M::TYPE, record.offset)
        }),
    }
}
