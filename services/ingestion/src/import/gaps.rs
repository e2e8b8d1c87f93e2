//! After a final statement: whether it follows the one before it, and the next one follows it. What is missing is said at the
//! statement and in a task; when it comes, the task is closed by itself.

use kernel::BusinessDate;
use runtime::{Failure, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use super::book::{Booking, Chunk};
use super::prove::from_naive;
use crate::domain::gaps::{Gap, Link, gaps};
use crate::domain::tasks::TaskKind;
use crate::store::statements::{self, ChainRow};
use crate::store::tasks as store;
use crate::tasks::{self, Task};

/// Days before and after a statement in which its chain is looked at.
const AROUND_DAYS: i64 = 45;

impl Chunk<'_> {
    /// Looks at the chain around a statement that ended just now.
    pub(super) async fn say_gaps(&self, tx: &mut Tx, booking: &Booking) -> Result<(), Failure> {
        let statement = &booking.statement;
        let Some(closing_on) = statement.closing_on.map(from_naive).transpose()? else {
            return Ok(());
        };
        let (from, to) = (closing_on.plus_days(-AROUND_DAYS), closing_on.plus_days(AROUND_DAYS));
        let account = &statement.bank_account;
        let rows = statements::chain(tx.conn(), account, booking.sort.channel, (from.naive(), to.naive())).await?;
        let chain = rows.iter().map(link).collect::<Result<Vec<_>, _>>()?;
        let mut wanted = Vec::new();
        let mut problems = Vec::new();
        for gap in gaps(&chain) {
            let (Some(before), Some(after)) = (rows.get(gap.before), rows.get(gap.after)) else {
                continue;
            };
            if after.statement_id == statement.statement_id {
                problems.push(problem(statement.number, before, &gap));
            }
            wanted.push(self.gap_task(booking, before, after, &gap));
        }
        tasks::raise(tx, &wanted).await?;
        let open = store::open_gaps(tx.conn(), account, booking.sort.channel, (from.naive(), to.naive())).await?;
        let still: Vec<Uuid> = wanted.iter().map(Task::task_id).collect();
        let closed: Vec<Uuid> = open.into_iter().filter(|id| !still.contains(id)).collect();
        tasks::close(tx, &closed, "superseded", None, self.received_at).await?;
        statements::add_problems(tx.conn(), statement.statement_id, &problems).await?;
        Ok(())
    }

    fn gap_task(&self, booking: &Booking, before: &ChainRow, after: &ChainRow, gap: &Gap) -> Task {
        let account = &booking.statement.bank_account;
        let ends = |row: &ChainRow, minor: Option<i64>| {
            format!(
                "{}/{}",
                row.closing_on,
                minor.map(|minor| minor.to_string()).unwrap_or_default()
            )
        };
        let (left, right) = (ends(before, before.closing_minor), ends(after, after.opening_minor));
        let mut task = Task::new(
            TaskKind::StatementGap,
            &[account, booking.sort.channel, &left, &right],
            self.received_at,
        )
        .of_creditor(booking.collector.creditor_id)
        .with_matter(json!({"account": account, "channel": booking.sort.channel, "on": after.closing_on}))
        .told("bank_account", account)
        .told("channel", booking.sort.channel)
        .told("statement_before", before.statement_id)
        .told("closed_on", before.closing_on)
        .told("statement_after", after.statement_id)
        .told("next_closed_on", after.closing_on);
        if let Some((closing, opening)) = gap.balances {
            task = task.told("closing_minor", closing).told("next_opening_minor", opening);
        }
        if let Some((first, last)) = gap.numbers {
            task = task
                .told("first_missing_number", first)
                .told("last_missing_number", last);
        }
        task
    }
}

fn link(row: &ChainRow) -> Result<Link, Failure> {
    let closing_on: BusinessDate = from_naive(row.closing_on)?;
    Ok(Link {
        sequence: row.sequence,
        opening_minor: row.opening_minor,
        closing_minor: row.closing_minor,
        from: from_naive(row.from_on)?.min(closing_on),
        closing_on,
    })
}

fn problem(number: i32, before: &ChainRow, gap: &Gap) -> Value {
    let balances = gap.balances.map(|(closing, opening)| {
        format!(
            "it opens with {opening} minor units, but the statement before it, of {}, closes with {closing}",
            before.closing_on
        )
    });
    let numbers = gap.numbers.map(|(first, last)| {
        if first == last {
            format!("statement number {first} is missing")
        } else {
            format!("statement numbers {first} to {last} are missing")
        }
    });
    let what: Vec<String> = [balances, numbers].into_iter().flatten().collect();
    json!({
        "where": format!("Stmt[{number}]"),
        "what": what.join("; "),
        "remedy": "Ask the bank for what is between them; this closes by itself when it comes.",
    })
}
