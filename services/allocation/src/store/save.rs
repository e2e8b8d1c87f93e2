//! What a batch of decisions writes: one statement per table, however many accounts there are, sent as one.

use kernel::{AccountId, MessageId, Timestamp};
use runtime::Bulk;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Account, packed};
use crate::domain::decide::{Decision, FundsChange, ItemChange};
use crate::domain::fact::{Body, Fact};
use crate::domain::invoice::Invoice;
use crate::domain::journal::Line;

/// One account's decision, ready to be written.
pub(crate) struct Decided {
    /// As it will be: its counters and its day moved on.
    pub account: Account,
    /// The message that caused it.
    pub cause: MessageId,
    pub at: Timestamp,
    pub fact: Option<Fact>,
    pub decision: Decision,
    pub lines: Vec<Line>,
    /// Number of the first of its rows of the allocations.
    pub first_row: i64,
}

/// Columns of a table to be written, one vector each.
macro_rules! columns {
    ($($name:ident: $type:ty),+ $(,)?) => {
        #[derive(Default)]
        struct Columns { $($name: Vec<$type>),+ }
    };
}

/// Writes everything; `segment` stamps what is appended.
pub(crate) async fn decided(conn: &mut PgConnection, decided: &[Decided], segment: i64) -> anyhow::Result<()> {
    let mut bulk = Bulk::default();
    accounts(&mut bulk, decided);
    facts(&mut bulk, decided, segment)?;
    items(&mut bulk, decided);
    funds(&mut bulk, decided);
    allocations(&mut bulk, decided, segment)?;
    journal(&mut bulk, decided, segment);
    Ok(bulk.run(conn).await?)
}

fn accounts(bulk: &mut Bulk, decided: &[Decided]) {
    columns!(ids: Uuid, credit: i64, facts: i64, allocations: i64, day: i64, day_facts: i64, day_allocations: i64);
    let mut c = Columns::default();
    for Decided { account, .. } in decided {
        c.ids.push(account.account_id.as_uuid());
        c.credit.push(account.credit_minor);
        c.facts.push(account.facts);
        c.allocations.push(account.allocations);
        c.day.push(account.day);
        c.day_facts.push(account.day_facts);
        c.day_allocations.push(account.day_allocations);
    }
    bulk.add(
        "UPDATE accounts a
         SET credit_minor = u.credit, facts = u.facts, allocations = u.allocations, day = u.day,
             day_facts = u.day_facts, day_allocations = u.day_allocations
         FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
             AS u (account_id, credit, facts, allocations, day, day_facts, day_allocations)
         WHERE a.account_id = u.account_id",
    )
    .bind(c.ids)
    .bind(c.credit)
    .bind(c.facts)
    .bind(c.allocations)
    .bind(c.day)
    .bind(c.day_facts)
    .bind(c.day_allocations);
}

/// What a fact is about, besides its account.
fn subject(body: &Body) -> Result<Uuid, uuid::Error> {
    Ok(match body {
        Body::Invoice(changed) => changed.invoice_id.as_uuid(),
        Body::Withdrawal(withdrawn) => withdrawn.withdrawal_id.parse()?,
        Body::Funds(received) => received.funds_id.as_uuid(),
    })
}

fn facts(bulk: &mut Bulk, decided: &[Decided], segment: i64) -> anyhow::Result<()> {
    columns!(
        account: Uuid, number: i64, partition: i32, calendar: String, creditor: Uuid, currency: &'static str,
        kind: &'static str, subject: Uuid, message: Uuid, on: chrono::NaiveDate, funds: i64, issued: i64, credited: i64,
        body: String, at: chrono::DateTime<chrono::Utc>,
    );
    let mut c = Columns::default();
    for Decided {
        account,
        cause,
        at,
        fact,
        decision,
        ..
    } in decided
    {
        let Some(fact) = fact else { continue };
        c.account.push(account.account_id.as_uuid());
        c.number.push(fact.number);
        c.partition.push(account.partition);
        c.calendar.push(account.calendar.to_string());
        c.creditor.push(account.creditor_id.as_uuid());
        c.currency.push(account.currency.code());
        c.kind.push(fact.body.word());
        c.subject.push(subject(&fact.body)?);
        c.message.push(cause.as_uuid());
        c.on.push(fact.body.on().naive());
        c.funds.push(decision.moves.funds_minor);
        c.issued.push(decision.moves.issued_minor);
        c.credited.push(decision.moves.credited_minor);
        c.body.push(serde_json::to_string(&fact.body)?);
        c.at.push(at.utc());
    }
    if c.account.is_empty() {
        return Ok(());
    }
    bulk.add(
        "INSERT INTO facts (account_id, number, partition, calendar, segment, creditor_id, currency, kind, subject_id,
                            message_id, counts_on, funds_minor, issued_minor, credited_minor, body, arrived_at)
         SELECT account_id, number, partition, calendar, $16, creditor_id, currency, kind, subject_id,
                message_id, counts_on, funds_minor, issued_minor, credited_minor, body::json, arrived_at
         FROM UNNEST($1::uuid[], $2::bigint[], $3::int[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::uuid[],
                     $9::uuid[], $10::date[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[],
                     $15::timestamptz[])
             AS u (account_id, number, partition, calendar, creditor_id, currency, kind, subject_id, message_id,
                   counts_on, funds_minor, issued_minor, credited_minor, body, arrived_at)",
    )
    .bind(c.account)
    .bind(c.number)
    .bind(c.partition)
    .bind(c.calendar)
    .bind(c.creditor)
    .bind(c.currency)
    .bind(c.kind)
    .bind(c.subject)
    .bind(c.message)
    .bind(c.on)
    .bind(c.funds)
    .bind(c.issued)
    .bind(c.credited)
    .bind(c.body)
    .bind(c.at)
    .bind(segment);
    Ok(())
}

fn items(bulk: &mut Bulk, decided: &[Decided]) {
    let of = |one: &Decided| {
        one.decision
            .items
            .iter()
            .map(|change| (one.account.account_id, change.clone()))
            .collect()
    };
    let all: Vec<(AccountId, ItemChange)> = decided.iter().flat_map::<Vec<_>, _>(of).collect();
    // A payment changes nothing but what is settled: the statement for that is the hot one.
    let (settled, written): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, change)| {
        change
            .before
            .as_ref()
            .is_some_and(|before| before.terms == change.after.terms)
    });
    settle_items(bulk, &settled);
    write_items(bulk, &written);
}

fn settle_items(bulk: &mut Bulk, changes: &[(AccountId, ItemChange)]) {
    if changes.is_empty() {
        return;
    }
    let ids: Vec<Uuid> = changes
        .iter()
        .map(|(_, change)| change.after.terms.item_id.as_uuid())
        .collect();
    let settled: Vec<i64> = changes.iter().map(|(_, change)| change.after.settled_minor).collect();
    bulk.add(
        "UPDATE items i SET settled_minor = u.settled, closed = (u.settled = i.charged_minor - i.credited_minor)
         FROM UNNEST($1::uuid[], $2::bigint[]) AS u (item_id, settled) WHERE i.item_id = u.item_id",
    )
    .bind(ids)
    .bind(settled);
}

fn write_items(bulk: &mut Bulk, changes: &[(AccountId, ItemChange)]) {
    columns!(
        item: Uuid, account: Uuid, invoice: Uuid, number: String, instalment: i32, issued: chrono::NaiveDate,
        due: chrono::NaiveDate, charged: i64, credited: i64, settled: i64, closed: bool,
    );
    if changes.is_empty() {
        return;
    }
    let mut c = Columns::default();
    for (account_id, ItemChange { after, .. }) in changes {
        c.item.push(after.terms.item_id.as_uuid());
        c.account.push(account_id.as_uuid());
        c.invoice.push(after.terms.invoice_id.as_uuid());
        c.number.push(after.terms.invoice_number.clone());
        c.instalment.push(i32::from(after.terms.instalment));
        c.issued.push(after.terms.issued_on.naive());
        c.due.push(after.terms.due_on.naive());
        c.charged.push(after.terms.charged_minor);
        c.credited.push(after.terms.credited_minor);
        c.settled.push(after.settled_minor);
        c.closed.push(after.open_minor() == 0);
    }
    bulk.add(
        "INSERT INTO items (item_id, account_id, invoice_id, invoice_number, instalment, issued_on, due_on,
                            charged_minor, credited_minor, settled_minor, closed)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::date[], $7::date[],
                              $8::bigint[], $9::bigint[], $10::bigint[], $11::boolean[])
         ON CONFLICT (item_id) DO UPDATE
         SET invoice_number = excluded.invoice_number, issued_on = excluded.issued_on, due_on = excluded.due_on,
             charged_minor = excluded.charged_minor, credited_minor = excluded.credited_minor,
             settled_minor = excluded.settled_minor, closed = excluded.closed",
    )
    .bind(c.item)
    .bind(c.account)
    .bind(c.invoice)
    .bind(c.number)
    .bind(c.instalment)
    .bind(c.issued)
    .bind(c.due)
    .bind(c.charged)
    .bind(c.credited)
    .bind(c.settled)
    .bind(c.closed);
}

fn funds(bulk: &mut Bulk, decided: &[Decided]) {
    let of = |one: &Decided| {
        one.decision
            .funds
            .iter()
            .map(|change| (one.account.account_id, change.clone()))
            .collect()
    };
    let all: Vec<(AccountId, FundsChange)> = decided.iter().flat_map::<Vec<_>, _>(of).collect();
    let (new, changed): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, change)| change.before.is_none());
    insert_funds(bulk, &new);
    if changed.is_empty() {
        return;
    }
    let ids: Vec<Uuid> = changed.iter().map(|(_, change)| change.funds_id.as_uuid()).collect();
    let withdrawn: Vec<i64> = changed.iter().map(|(_, change)| change.after.withdrawn_minor).collect();
    let credit: Vec<i64> = changed.iter().map(|(_, change)| change.after.credit_minor).collect();
    bulk.add(
        "UPDATE funds f SET withdrawn_minor = u.withdrawn, credit_minor = u.credit, spent = (u.credit = 0)
         FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[]) AS u (funds_id, withdrawn, credit)
         WHERE f.funds_id = u.funds_id",
    )
    .bind(ids)
    .bind(withdrawn)
    .bind(credit);
}

fn insert_funds(bulk: &mut Bulk, changes: &[(AccountId, FundsChange)]) {
    columns!(
        funds: Uuid, payment: Uuid, account: Uuid, value_on: chrono::NaiveDate, assigned: i64, withdrawn: i64,
        credit: i64, spent: bool,
    );
    if changes.is_empty() {
        return;
    }
    let mut c = Columns::default();
    for (account_id, FundsChange { funds_id, after, .. }) in changes {
        c.funds.push(funds_id.as_uuid());
        c.payment.push(after.payment_id.as_uuid());
        c.account.push(account_id.as_uuid());
        c.value_on.push(after.value_on.naive());
        c.assigned.push(after.assigned_minor);
        c.withdrawn.push(after.withdrawn_minor);
        c.credit.push(after.credit_minor);
        c.spent.push(after.credit_minor == 0);
    }
    bulk.add(
        "INSERT INTO funds (funds_id, payment_id, account_id, value_on, assigned_minor, withdrawn_minor, credit_minor, spent)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::bigint[], $6::bigint[], $7::bigint[],
                              $8::boolean[])",
    )
    .bind(c.funds)
    .bind(c.payment)
    .bind(c.account)
    .bind(c.value_on)
    .bind(c.assigned)
    .bind(c.withdrawn)
    .bind(c.credit)
    .bind(c.spent);
}

fn allocations(bulk: &mut Bulk, decided: &[Decided], segment: i64) -> anyhow::Result<()> {
    columns!(
        account: Uuid, number: i64, id: Uuid, partition: i32, calendar: String, creditor: Uuid, currency: &'static str,
        funds: Uuid, payment: Uuid, item: Uuid, invoice: Uuid, amount: i64, value_on: chrono::NaiveDate,
        explanation: String, at: chrono::DateTime<chrono::Utc>,
    );
    let mut c = Columns::default();
    for one in decided {
        for (number, row) in (one.first_row..).zip(&one.decision.rows) {
            c.account.push(one.account.account_id.as_uuid());
            c.number.push(number);
            c.id.push(crate::settle::allocation_id(one.cause, row).as_uuid());
            c.partition.push(one.account.partition);
            c.calendar.push(one.account.calendar.to_string());
            c.creditor.push(one.account.creditor_id.as_uuid());
            c.currency.push(one.account.currency.code());
            c.funds.push(row.funds_id.as_uuid());
            c.payment.push(row.payment_id.as_uuid());
            c.item.push(row.item_id.as_uuid());
            c.invoice.push(row.invoice_id.as_uuid());
            c.amount.push(row.amount_minor);
            c.value_on.push(row.value_on.naive());
            c.explanation.push(packed::pack(&row.explanation)?);
            c.at.push(one.at.utc());
        }
    }
    if c.account.is_empty() {
        return Ok(());
    }
    bulk.add(
        "INSERT INTO allocations (account_id, number, allocation_id, partition, calendar, segment, creditor_id, currency,
                                  funds_id, payment_id, item_id, invoice_id, amount_minor, value_on, explanation,
                                  allocated_at)
         SELECT account_id, number, allocation_id, partition, calendar, $16, creditor_id, currency, funds_id, payment_id,
                item_id, invoice_id, amount_minor, value_on, explanation::json, allocated_at
         FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::int[], $5::text[], $6::uuid[], $7::text[], $8::uuid[],
                     $9::uuid[], $10::uuid[], $11::uuid[], $12::bigint[], $13::date[], $14::text[], $15::timestamptz[])
             AS u (account_id, number, allocation_id, partition, calendar, creditor_id, currency, funds_id, payment_id,
                   item_id, invoice_id, amount_minor, value_on, explanation, allocated_at)",
    )
    .bind(c.account)
    .bind(c.number)
    .bind(c.id)
    .bind(c.partition)
    .bind(c.calendar)
    .bind(c.creditor)
    .bind(c.currency)
    .bind(c.funds)
    .bind(c.payment)
    .bind(c.item)
    .bind(c.invoice)
    .bind(c.amount)
    .bind(c.value_on)
    .bind(c.explanation)
    .bind(c.at)
    .bind(segment);
    Ok(())
}

fn journal(bulk: &mut Bulk, decided: &[Decided], segment: i64) {
    columns!(
        partition: i32, calendar: String, creditor: Uuid, currency: &'static str, account: Uuid, message: Uuid,
        debit: &'static str, credit: &'static str, amount: i64,
    );
    let mut c = Columns::default();
    for one in decided {
        for line in &one.lines {
            c.partition.push(one.account.partition);
            c.calendar.push(one.account.calendar.to_string());
            c.creditor.push(one.account.creditor_id.as_uuid());
            c.currency.push(one.account.currency.code());
            c.account.push(one.account.account_id.as_uuid());
            c.message.push(one.cause.as_uuid());
            c.debit.push(line.debit.word());
            c.credit.push(line.credit.word());
            c.amount.push(line.amount_minor);
        }
    }
    if c.partition.is_empty() {
        return;
    }
    bulk.add(
        "INSERT INTO journal_lines (partition, calendar, creditor_id, currency, account_id, message_id, debit, credit,
                                    amount_minor, segment)
         SELECT u.*, $10 FROM UNNEST($1::int[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[],
                                     $8::text[], $9::bigint[]) AS u",
    )
    .bind(c.partition)
    .bind(c.calendar)
    .bind(c.creditor)
    .bind(c.currency)
    .bind(c.account)
    .bind(c.message)
    .bind(c.debit)
    .bind(c.credit)
    .bind(c.amount)
    .bind(segment);
}

/// Invoices as their messages left them; their items are written by [`decided`].
pub(crate) async fn invoices(conn: &mut PgConnection, invoices: &[Invoice]) -> anyhow::Result<()> {
    columns!(id: Uuid, account: Uuid, number: String, version: i64, cancelled: bool, notes: String, instalments: String);
    if invoices.is_empty() {
        return Ok(());
    }
    let mut c = Columns::default();
    for invoice in invoices {
        let instalments: Vec<String> = invoice.terms.iter().map(|terms| terms.instalment.to_string()).collect();
        c.id.push(invoice.invoice_id.as_uuid());
        c.account.push(invoice.account_id.as_uuid());
        c.number.push(invoice.number.clone());
        c.version.push(invoice.version);
        c.cancelled.push(invoice.cancelled);
        c.notes.push(serde_json::to_string(&invoice.notes)?);
        c.instalments.push(format!("{{{}}}", instalments.join(",")));
    }
    sqlx::query(
        "INSERT INTO invoices (invoice_id, account_id, number, version, cancelled, notes, instalments)
         SELECT id, account, number, version, cancelled, notes::jsonb, instalments::int[]
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::boolean[], $6::text[], $7::text[])
             AS u (id, account, number, version, cancelled, notes, instalments)
         ON CONFLICT (invoice_id) DO UPDATE
         SET number = excluded.number, version = excluded.version, cancelled = excluded.cancelled,
             notes = excluded.notes, instalments = excluded.instalments",
    )
    .bind(c.id)
    .bind(c.account)
    .bind(c.number)
    .bind(c.version)
    .bind(c.cancelled)
    .bind(c.notes)
    .bind(c.instalments)
    .execute(conn)
    .await?;
    Ok(())
}
