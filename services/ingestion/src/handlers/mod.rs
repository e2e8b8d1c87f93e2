//! One small struct per message: load → decide → save → emit. All of them keep the index of references; a reference that
//! comes after its money claims it in the same transaction.

mod account;
mod creditor;
mod invoice;

pub use account::{CloseAccount, IndexAccount};
pub use creditor::RegisterCreditor;
pub use invoice::{CancelInvoice, CreditInvoice, IndexInvoice};

use std::collections::BTreeSet;

use kernel::Timestamp;
use runtime::{Failure, Tx};

use crate::booking::{Session, claim};
use crate::domain::identify::Rule;
use crate::domain::tokens::index_tokens;
use crate::store::references::Reference;
use crate::store::{Patience, deposits, references as index};

/// The references under which a text is registered: itself and what it holds.
fn references_of(template: &Reference, text: &str, rule: Rule) -> impl Iterator<Item = Reference> {
    let template = template.clone();
    index_tokens(text).into_iter().map(move |token| Reference {
        token,
        rule,
        ..template.clone()
    })
}

/// Takes the locks of new references, before the rows of accounts and invoices: money takes them in this order. Within one
/// transaction they are waited for once; whoever needs more of them afterwards (another kind of message in the batch) would break
/// the order, so it takes them where they are free, and else gives up and tries again: two partitions never wait for each other.
async fn lock(tx: &mut Tx, references: &BTreeSet<Reference>) -> Result<(), Failure> {
    let hashes: Vec<i64> = references.iter().map(Reference::hash).collect();
    let patience = if tx.first("references") {
        Patience::Waits
    } else {
        Patience::Tries
    };
    let taken = index::add_shapes(tx.conn(), references, patience).await?
        && crate::store::lock_for_references(tx.conn(), &hashes, patience).await?;
    if taken {
        return Ok(());
    }
    Err(Failure::new(anyhow::anyhow!(
        "another partition holds references of this batch"
    )))
}

/// Registers references whose locks are held, and lets them claim the money that named them before they came.
async fn register(tx: &mut Tx, references: &BTreeSet<Reference>, at: Timestamp) -> Result<(), Failure> {
    index::add_references(tx.conn(), references).await?;
    let hashes: Vec<i64> = references.iter().map(Reference::hash).collect();
    let named = deposits::naming(tx.conn(), &hashes).await?;
    if named.is_empty() {
        return Ok(());
    }
    let mut session = Session::begin(tx);
    claim(tx, &mut session, &named, at).await?;
    session.finish(tx).await
}
