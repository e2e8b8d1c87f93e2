//! Double entry: every line debits one ledger account and credits another, so no transaction can be out of balance.

use super::fact::Moves;
use super::{Unsettled, minus};

/// A ledger account of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ledger {
    /// Money that `ingestion` assigned: its journal credits what this one debits.
    Assigned,
    /// What debtors owe.
    Items,
    /// Debtors' money that no item took.
    Credit,
    /// Charged by invoices.
    Issued,
    /// Taken off by credit notes.
    Credited,
}

impl Ledger {
    /// Its word in tables and events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Items => "items",
            Self::Credit => "credit",
            Self::Issued => "issued",
            Self::Credited => "credited",
        }
    }
}

/// One line: `amount_minor` (positive) is debited to one account and credited to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Debited.
    pub debit: Ledger,
    /// Credited.
    pub credit: Ledger,
    /// In minor units; positive.
    pub amount_minor: i64,
}

/// The lines of one decision: what a fact moved, and what was allocated (signed, in minor units).
///
/// # Errors
/// [`Unsettled::Overflow`].
pub fn lines(moves: Moves, allocated_minor: i64) -> Result<Vec<Line>, Unsettled> {
    let mut lines = Vec::with_capacity(2);
    line(&mut lines, Ledger::Items, Ledger::Issued, moves.issued_minor)?;
    line(&mut lines, Ledger::Credited, Ledger::Items, moves.credited_minor)?;
    // Money that came in (or left): as much of it as was allocated in the same breath goes to the items at once.
    let straight = if moves.funds_minor >= 0 {
        allocated_minor.clamp(0, moves.funds_minor)
    } else {
        allocated_minor.clamp(moves.funds_minor, 0)
    };
    line(&mut lines, Ledger::Assigned, Ledger::Items, straight)?;
    line(
        &mut lines,
        Ledger::Assigned,
        Ledger::Credit,
        minus(moves.funds_minor, straight)?,
    )?;
    line(
        &mut lines,
        Ledger::Credit,
        Ledger::Items,
        minus(allocated_minor, straight)?,
    )?;
    Ok(lines)
}

/// Adds a line; a negative amount is booked the other way round, none is left out.
fn line(lines: &mut Vec<Line>, debit: Ledger, credit: Ledger, amount: i64) -> Result<(), Unsettled> {
    match amount {
        0 => {}
        1.. => lines.push(Line {
            debit,
            credit,
            amount_minor: amount,
        }),
        _ => lines.push(Line {
            debit: credit,
            credit: debit,
            amount_minor: minus(0, amount)?,
        }),
    }
    Ok(())
}
