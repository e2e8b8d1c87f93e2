//! From an entry as its format says it to what ingestion needs.

use crate::domain::entry::{BankEntry, Status};
use crate::domain::sightings;
use crate::formats::{Entry, Part, ReferenceKind, StatementKind, Status as Written};

/// The entry; `None` where its amount could not be read (its statement is quarantined then).
///
/// Only a final statement books. What a report within the day, a notification or a collection file calls booked is
/// pending here: kept and shown, until the statement tells it.
pub fn entry(read: &Entry, kind: StatementKind) -> Option<BankEntry> {
    let counterparty = read.counterparty();
    let texts = |wanted: &[ReferenceKind]| -> Vec<String> {
        read.references
            .iter()
            .filter(|reference| wanted.contains(&reference.kind))
            .map(|reference| reference.text.clone())
            .collect()
    };
    let first = |kind: ReferenceKind| texts(&[kind]).into_iter().next();
    Some(BankEntry {
        place: place(read),
        status: match read.status {
            Written::Booked if kind.is_final() => Status::Booked,
            Written::Booked | Written::Pending => Status::Pending,
            Written::Info => Status::Info,
        },
        amount: read.amount?,
        reversal: read.reversal,
        batch: matches!(read.part, Part::Batch { .. }),
        booked_on: read.booked_on,
        value_on: read.value_on,
        bank_reference: bank_reference(read),
        end_to_end: first(ReferenceKind::EndToEnd),
        customer_references: texts(&[ReferenceKind::Customer]).join("|"),
        references: read.references.iter().map(|reference| reference.text.clone()).collect(),
        own_references: texts(&[
            ReferenceKind::Servicer,
            ReferenceKind::Instruction,
            ReferenceKind::Customer,
            ReferenceKind::EndToEnd,
            ReferenceKind::Transaction,
            ReferenceKind::Uetr,
            ReferenceKind::Cheque,
            ReferenceKind::Clearing,
            ReferenceKind::Proprietary,
            ReferenceKind::Creditor,
            ReferenceKind::Customer,
        ]),
        dated: read.status == Written::Booked && read.booked_on.is_some(),
        batch_names: batch_names(read),
        lump: matches!(read.part, Part::Batch { .. }) || is_bare_batch(read),
        structured: structured(read, texts(&[ReferenceKind::Creditor])),
        free_text: free_text(
            read,
            texts(&[
                ReferenceKind::EndToEnd,
                ReferenceKind::Instruction,
                ReferenceKind::Customer,
                ReferenceKind::Proprietary,
                ReferenceKind::Customer,
            ]),
        ),
        remittance: read.remittance.clone(),
        counterparty_name: counterparty.name.clone(),
        counterparty_account: counterparty.iban.clone().or_else(|| counterparty.other_account.clone()),
        returned: read.returned.as_ref().map(|returned| {
            returned
                .reasons
                .first()
                .cloned()
                .unwrap_or_else(|| "returned".to_owned())
        }),
    })
}

fn place(read: &Entry) -> String {
    match read.part {
        Part::Detail { index, .. } => format!("{}/{}/{}", read.statement, read.number, index.saturating_add(1)),
        Part::Whole | Part::Batch { .. } => format!("{}/{}", read.statement, read.number),
    }
}

/// payment-feeds.md 0.3: `AcctSvcrRef` of the entry, then of the detail, then `TxId` or `UETR`.
fn bank_reference(read: &Entry) -> Option<(&'static str, String)> {
    let of = |kind: ReferenceKind| {
        read.references
            .iter()
            .find(|reference| reference.kind == kind)
            .map(|reference| reference.text.clone())
    };
    let servicer = read
        .servicer_reference
        .clone()
        .or_else(|| of(ReferenceKind::Servicer))
        .map(|text| ("AcctSvcrRef", text));
    let transaction = || of(ReferenceKind::Transaction).map(|text| ("TxId", text));
    let uetr = || of(ReferenceKind::Uetr).map(|text| ("UETR", text));
    servicer.or_else(transaction).or_else(uetr)
}

/// `AcctSvcrRef` of the entry, `PmtInfId`, `MsgId`, and a `NtryRef` that is no mere number of the line.
fn batch_names(read: &Entry) -> Vec<String> {
    let of = |kind: ReferenceKind| read.references.iter().filter(move |reference| reference.kind == kind);
    let batch = read.batch.as_ref();
    let line = of(ReferenceKind::Entry).filter(|reference| reference.text.len() >= 6);
    let names = read
        .servicer_reference
        .iter()
        .chain(batch.and_then(|batch| batch.payment_information_id.as_ref()))
        .chain(of(ReferenceKind::PaymentInformation).map(|reference| &reference.text))
        .chain(batch.and_then(|batch| batch.message_id.as_ref()))
        .chain(of(ReferenceKind::Message).map(|reference| &reference.text))
        .chain(line.map(|reference| &reference.text));
    let mut distinct: Vec<String> = Vec::new();
    for name in names.filter_map(|text| sightings::name(text)) {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// `Btch` without a count, and nothing that tells of one payment.
fn is_bare_batch(read: &Entry) -> bool {
    let silent = read.remittance.is_empty() && read.documents.is_empty() && read.counterparty().is_empty();
    matches!(read.part, Part::Whole) && read.batch.is_some() && silent
}

/// Creditor references, documents, and the account that was credited: it may be a virtual one.
fn structured(read: &Entry, creditor_references: Vec<String>) -> Vec<String> {
    let credited = if read.credit {
        read.creditor
            .iban
            .clone()
            .or_else(|| read.creditor.other_account.clone())
    } else {
        None
    };
    creditor_references
        .into_iter()
        .chain(read.documents.iter().cloned())
        .chain(credited)
        .collect()
}

/// What the payer wrote, and his bank; the entry's own text only where it does not describe a batch.
fn free_text(read: &Entry, references: Vec<String>) -> Vec<String> {
    let entry_text = matches!(read.part, Part::Whole).then(|| read.entry_text.clone());
    std::iter::once(read.remittance.clone())
        .chain(references)
        .chain([read.detail_text.clone()])
        .chain(entry_text)
        .filter(|text| !text.is_empty())
        .collect()
}
