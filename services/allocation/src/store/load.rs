//! What a decision needs: accounts in key order, locked, and only those rows that the facts at hand may touch.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{AccountId, BusinessDate, FundsId, InvoiceId, ItemId, PaymentId};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Row};
use uuid::Uuid;

use super::{Account, decode};
use crate::domain::decide::Situation;
use crate::domain::fact::{Body, Fact};
use crate::domain::invoice::{Invoice, Note, Terms};
use crate::domain::position::{Funds, Item, Lot, Net};

/// Locks accounts in key order; those that are not known are missing in the answer.
pub(crate) async fn accounts(
    conn: &mut PgConnection,
    ids: &BTreeSet<AccountId>,
) -> sqlx::Result<BTreeMap<AccountId, Account>> {
    let ids: Vec<Uuid> = ids.iter().map(AccountId::as_uuid).collect();
    let rows: Vec<Account> = sqlx::query_as(
        "SELECT account_id, partition, creditor_id, version, calendar, currency, credit_minor, facts, allocations,
                day, day_facts, day_allocations
         FROM accounts WHERE account_id = ANY($1) ORDER BY account_id FOR NO KEY UPDATE",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|account| (account.account_id, account)).collect())
}

/// What is known of some accounts: one situation each, without a new fact.
pub(crate) type Situations = BTreeMap<AccountId, Situation>;

/// Loads the situations of locked accounts. `new` are the facts that arrive; `day_of` says which open day an account's
/// calendar has.
pub(crate) async fn situations(
    conn: &mut PgConnection,
    accounts: &[&Account],
    new: &BTreeMap<AccountId, &Body>,
    day_of: impl Fn(&Account) -> i64,
) -> sqlx::Result<Situations> {
    let mut situations: Situations = accounts
        .iter()
        .map(|account| (account.account_id, Situation::default()))
        .collect();
    let touched: Vec<&Account> = accounts
        .iter()
        .copied()
        .filter(|account| account.touched_in(day_of(account)))
        .collect();
    if !touched.is_empty() {
        day_facts(conn, &touched, &mut situations).await?;
        day_rows(conn, &touched, &mut situations).await?;
    }
    let freeing: Vec<&Account> = accounts
        .iter()
        .copied()
        .filter(|account| {
            let known = situations
                .get(&account.account_id)
                .into_iter()
                .flat_map(|situation| &situation.known);
            known
                .map(|fact| &fact.body)
                .chain(new.get(&account.account_id).copied())
                .any(Body::may_free)
        })
        .collect();
    if !freeing.is_empty() {
        pinned(conn, &freeing, &day_of, new, &mut situations).await?;
    }
    items(conn, accounts, new, &mut situations).await?;
    funds(conn, accounts, new, &mut situations).await?;
    Ok(situations)
}

/// Account ids and, for each, a number after which rows are wanted.
fn after(accounts: &[&Account], number: fn(&Account) -> i64) -> (Vec<Uuid>, Vec<i64>) {
    accounts
        .iter()
        .map(|account| (account.account_id.as_uuid(), number(account)))
        .unzip()
}

async fn day_facts(conn: &mut PgConnection, touched: &[&Account], out: &mut Situations) -> sqlx::Result<()> {
    let (ids, numbers) = after(touched, |account| account.day_facts);
    let rows = sqlx::query(
        "SELECT f.account_id, f.number, f.body
         FROM UNNEST($1::uuid[], $2::bigint[]) AS a (account_id, after)
         CROSS JOIN LATERAL (SELECT * FROM facts WHERE account_id = a.account_id AND number > a.after OFFSET 0) AS f
         ORDER BY f.account_id, f.number",
    )
    .bind(ids)
    .bind(numbers)
    .fetch_all(conn)
    .await?;
    for row in rows {
        let Json(body): Json<Body> = row.try_get("body")?;
        let fact = Fact {
            number: row.try_get("number")?,
            body,
        };
        if let Some(situation) = out.get_mut(&AccountId::from_uuid(row.try_get("account_id")?)) {
            situation.known.push(fact);
        }
    }
    Ok(())
}

/// A pair of funds and item with its net sum.
struct Pair {
    account_id: AccountId,
    funds_id: FundsId,
    item_id: ItemId,
    net_minor: i64,
}

impl FromRow<'_, PgRow> for Pair {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            account_id: AccountId::from_uuid(row.try_get("account_id")?),
            funds_id: FundsId::from_uuid(row.try_get("funds_id")?),
            item_id: ItemId::from_uuid(row.try_get("item_id")?),
            net_minor: row.try_get("net_minor")?,
        })
    }
}

async fn day_rows(conn: &mut PgConnection, touched: &[&Account], out: &mut Situations) -> sqlx::Result<()> {
    let (ids, numbers) = after(touched, |account| account.day_allocations);
    let pairs: Vec<Pair> = sqlx::query_as(
        "SELECT r.account_id, r.funds_id, r.item_id, sum(r.amount_minor)::bigint AS net_minor
         FROM UNNEST($1::uuid[], $2::bigint[]) AS a (account_id, after)
         CROSS JOIN LATERAL
             (SELECT * FROM allocations WHERE account_id = a.account_id AND number > a.after OFFSET 0) AS r
         GROUP BY r.account_id, r.funds_id, r.item_id",
    )
    .bind(ids)
    .bind(numbers)
    .fetch_all(conn)
    .await?;
    for pair in pairs {
        if let Some(situation) = out.get_mut(&pair.account_id) {
            situation.recorded.insert((pair.funds_id, pair.item_id), pair.net_minor);
        }
    }
    Ok(())
}

/// Lots of closed days that the account's facts may free: of items whose invoice changes, of funds that are withdrawn.
async fn pinned(
    conn: &mut PgConnection,
    freeing: &[&Account],
    day_of: impl Fn(&Account) -> i64,
    new: &BTreeMap<AccountId, &Body>,
    out: &mut Situations,
) -> sqlx::Result<()> {
    let until = |account: &&Account| {
        if account.touched_in(day_of(account)) {
            account.day_allocations
        } else {
            account.allocations
        }
    };
    let ids: Vec<Uuid> = freeing.iter().map(|account| account.account_id.as_uuid()).collect();
    let numbers: Vec<i64> = freeing.iter().map(until).collect();
    let pairs: Vec<Pair> = sqlx::query_as(
        "SELECT r.account_id, r.funds_id, r.item_id, sum(r.amount_minor)::bigint AS net_minor
         FROM UNNEST($1::uuid[], $2::bigint[]) AS a (account_id, until)
         CROSS JOIN LATERAL
             (SELECT * FROM allocations WHERE account_id = a.account_id AND number <= a.until OFFSET 0) AS r
         GROUP BY r.account_id, r.funds_id, r.item_id HAVING sum(r.amount_minor) <> 0",
    )
    .bind(ids)
    .bind(numbers)
    .fetch_all(conn)
    .await?;
    for pair in pairs {
        let Some(situation) = out.get_mut(&pair.account_id) else {
            continue;
        };
        let facts = situation
            .known
            .iter()
            .map(|fact| &fact.body)
            .chain(new.get(&pair.account_id).copied());
        let frees = facts.into_iter().any(|body| match body {
            Body::Invoice(changed) => changed.after.iter().any(|terms| terms.item_id == pair.item_id),
            Body::Withdrawal(withdrawn) => withdrawn.funds_id == pair.funds_id,
            Body::Funds(_) => false,
        });
        if frees {
            let Pair {
                funds_id,
                item_id,
                net_minor,
                ..
            } = pair;
            situation.pinned.push(Lot {
                funds_id,
                item_id,
                amount_minor: net_minor,
            });
        }
    }
    Ok(())
}

/// The bodies of an account's facts, known and new.
fn bodies<'a>(situation: &'a Situation, new: Option<&'a &'a Body>) -> impl Iterator<Item = &'a Body> {
    situation.known.iter().map(|fact| &fact.body).chain(new.copied())
}

/// Pairs that lots and the day's rows speak of.
fn pairs(situation: &Situation) -> impl Iterator<Item = (FundsId, ItemId)> {
    let pinned = situation.pinned.iter().map(|lot| (lot.funds_id, lot.item_id));
    let recorded: &Net = &situation.recorded;
    recorded.keys().copied().chain(pinned)
}

async fn items(
    conn: &mut PgConnection,
    accounts: &[&Account],
    new: &BTreeMap<AccountId, &Body>,
    out: &mut Situations,
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.account_id.as_uuid()).collect();
    let mut more: BTreeSet<Uuid> = BTreeSet::new();
    for (account_id, situation) in &*out {
        more.extend(pairs(situation).map(|(_, item)| item.as_uuid()));
        for body in bodies(situation, new.get(account_id)) {
            if let Body::Invoice(changed) = body {
                more.extend(
                    changed
                        .before
                        .iter()
                        .chain(&changed.after)
                        .map(|terms| terms.item_id.as_uuid()),
                );
            }
        }
    }
    let rows = sqlx::query(
        "SELECT account_id, item_id, invoice_id, invoice_number, instalment, issued_on, due_on, charged_minor,
                credited_minor, settled_minor
         FROM items WHERE account_id = ANY($1) AND NOT closed
         UNION ALL
         SELECT account_id, item_id, invoice_id, invoice_number, instalment, issued_on, due_on, charged_minor,
                credited_minor, settled_minor
         FROM items WHERE item_id = ANY($2) AND closed",
    )
    .bind(ids)
    .bind(more.into_iter().collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    for row in rows {
        let item = Item {
            terms: terms(&row)?,
            settled_minor: row.try_get("settled_minor")?,
        };
        if let Some(situation) = out.get_mut(&AccountId::from_uuid(row.try_get("account_id")?)) {
            situation.current.items.insert(item.terms.item_id, item);
        }
    }
    Ok(())
}

/// The terms in a row of items.
pub(crate) fn terms(row: &PgRow) -> sqlx::Result<Terms> {
    Ok(Terms {
        item_id: ItemId::from_uuid(row.try_get("item_id")?),
        invoice_id: InvoiceId::from_uuid(row.try_get("invoice_id")?),
        invoice_number: row.try_get("invoice_number")?,
        instalment: u16::try_from(row.try_get::<i32, _>("instalment")?).map_err(|error| decode("instalment", error))?,
        issued_on: date(row, "issued_on")?,
        due_on: date(row, "due_on")?,
        charged_minor: row.try_get("charged_minor")?,
        credited_minor: row.try_get("credited_minor")?,
    })
}

/// A column of a date.
pub(crate) fn date(row: &PgRow, column: &str) -> sqlx::Result<BusinessDate> {
    BusinessDate::from_naive(row.try_get(column)?).map_err(|error| decode(column, error))
}

async fn funds(
    conn: &mut PgConnection,
    accounts: &[&Account],
    new: &BTreeMap<AccountId, &Body>,
    out: &mut Situations,
) -> sqlx::Result<()> {
    let with_credit = accounts.iter().filter(|account| account.credit_minor > 0);
    let ids: Vec<Uuid> = with_credit.map(|account| account.account_id.as_uuid()).collect();
    let mut more: BTreeSet<Uuid> = BTreeSet::new();
    for (account_id, situation) in &*out {
        more.extend(pairs(situation).map(|(funds, _)| funds.as_uuid()));
        for body in bodies(situation, new.get(account_id)) {
            match body {
                Body::Withdrawal(withdrawn) => {
                    more.insert(withdrawn.funds_id.as_uuid());
                }
                Body::Funds(received) => {
                    more.insert(received.funds_id.as_uuid());
                }
                Body::Invoice(_) => {}
            }
        }
    }
    // Funds that only now arrive are not in the table yet, and a payment must not pay for looking.
    for body in new.values() {
        if let Body::Funds(received) = body {
            more.remove(&received.funds_id.as_uuid());
        }
    }
    if ids.is_empty() && more.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(
        "SELECT account_id, funds_id, payment_id, value_on, assigned_minor, withdrawn_minor, credit_minor
         FROM funds WHERE account_id = ANY($1) AND NOT spent
         UNION ALL
         SELECT account_id, funds_id, payment_id, value_on, assigned_minor, withdrawn_minor, credit_minor
         FROM funds WHERE funds_id = ANY($2) AND spent",
    )
    .bind(ids)
    .bind(more.into_iter().collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    for row in rows {
        let (account_id, funds_id, funds) = funds_of(&row)?;
        if let Some(situation) = out.get_mut(&account_id) {
            situation.current.funds.insert(funds_id, funds);
        }
    }
    Ok(())
}

fn funds_of(row: &PgRow) -> sqlx::Result<(AccountId, FundsId, Funds)> {
    let funds = Funds {
        payment_id: PaymentId::from_uuid(row.try_get("payment_id")?),
        value_on: date(row, "value_on")?,
        assigned_minor: row.try_get("assigned_minor")?,
        withdrawn_minor: row.try_get("withdrawn_minor")?,
        credit_minor: row.try_get("credit_minor")?,
        named: Vec::new(),
        evidence: Vec::new(),
    };
    Ok((
        AccountId::from_uuid(row.try_get("account_id")?),
        FundsId::from_uuid(row.try_get("funds_id")?),
        funds,
    ))
}

/// Funds by id, with their accounts: to tell a fact that is already known.
pub(crate) async fn funds_by_id(
    conn: &mut PgConnection,
    ids: Vec<Uuid>,
) -> sqlx::Result<BTreeMap<FundsId, (AccountId, Funds)>> {
    let rows = sqlx::query(
        "SELECT account_id, funds_id, payment_id, value_on, assigned_minor, withdrawn_minor, credit_minor
         FROM funds WHERE funds_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    let known = rows
        .iter()
        .map(|row| funds_of(row).map(|(account_id, id, funds)| (id, (account_id, funds))));
    known.collect()
}

/// Which of these withdrawals the accounts already know.
pub(crate) async fn known_withdrawals(
    conn: &mut PgConnection,
    accounts: Vec<Uuid>,
    withdrawals: Vec<Uuid>,
) -> sqlx::Result<BTreeSet<Uuid>> {
    let known: Vec<Uuid> = sqlx::query_scalar(
        "SELECT subject_id FROM facts
         WHERE account_id = ANY($1) AND kind = 'funds_withdrawn' AND subject_id = ANY($2)",
    )
    .bind(accounts)
    .bind(withdrawals)
    .fetch_all(conn)
    .await?;
    Ok(known.into_iter().collect())
}

/// Invoices by id, as their last message left them. Their accounts are locked.
pub(crate) async fn invoices(conn: &mut PgConnection, ids: Vec<Uuid>) -> sqlx::Result<BTreeMap<InvoiceId, Invoice>> {
    let rows = sqlx::query(
        "SELECT invoice_id, account_id, number, version, cancelled, notes, instalments FROM invoices
         WHERE invoice_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(&mut *conn)
    .await?;
    let mut invoices = BTreeMap::new();
    let mut items: Vec<Uuid> = Vec::new();
    for row in rows {
        let invoice_id = InvoiceId::from_uuid(row.try_get("invoice_id")?);
        let Json(notes): Json<Vec<Note>> = row.try_get("notes")?;
        for instalment in row.try_get::<Vec<i32>, _>("instalments")? {
            let number = u32::try_from(instalment).map_err(|error| decode("instalments", error))?;
            items.push(ItemId::derive(invoice_id, number).as_uuid());
        }
        let invoice = Invoice {
            invoice_id,
            account_id: AccountId::from_uuid(row.try_get("account_id")?),
            number: row.try_get("number")?,
            version: row.try_get("version")?,
            cancelled: row.try_get("cancelled")?,
            notes,
            terms: Vec::new(),
        };
        invoices.insert(invoice_id, invoice);
    }
    let rows = sqlx::query(
        "SELECT item_id, invoice_id, invoice_number, instalment, issued_on, due_on, charged_minor, credited_minor
         FROM items WHERE item_id = ANY($1) ORDER BY invoice_id, instalment",
    )
    .bind(items)
    .fetch_all(conn)
    .await?;
    for row in rows {
        let terms = terms(&row)?;
        if let Some(invoice) = invoices.get_mut(&terms.invoice_id) {
            invoice.terms.push(terms);
        }
    }
    Ok(invoices)
}
