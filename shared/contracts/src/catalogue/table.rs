//! The table itself.

use super::Topic;
use crate::codec::MAX_BYTES;

const BILLING: &str = "billing";
const INGESTION: &str = "ingestion";
const ALLOCATION: &str = "allocation";

/// What most topics have in common: a key, for good, with markers.
const fn topic(name: &'static str, writer: &'static str, key: &'static str, events: &'static [&'static str]) -> Topic {
    Topic {
        name,
        writer,
        waited_by: &[],
        read_by: &[],
        key,
        compacted: false,
        personal: false,
        retention_days: None,
        markers: true,
        events,
        max_bytes: MAX_BYTES,
    }
}

/// Creditors: whole state, compacted.
pub static CREDITORS: Topic = Topic {
    read_by: &[INGESTION, ALLOCATION],
    compacted: true,
    markers: false,
    ..topic("creditors.creditor.v1", BILLING, "creditor", &["CreditorRegistered"])
};

/// Debtors: whole state, compacted, personal data; a tombstone erases.
pub static DEBTORS: Topic = Topic {
    compacted: true,
    personal: true,
    markers: false,
    ..topic("accounts.debtor.v1", BILLING, "debtor", &["DebtorRegistered"])
};

/// Accounts, their places and protections.
pub static ACCOUNTS: Topic = Topic {
    waited_by: &[INGESTION, ALLOCATION],
    ..topic(
        "accounts.account.v1",
        BILLING,
        "account",
        &[
            "AccountOpened",
            "AccountChanged",
            "AccountClosed",
            "PlaceTaken",
            "PlaceLeft",
            "ProtectionDeclared",
            "ProtectionLifted",
            "DayClosed",
        ],
    )
};

/// Invoices and credit notes.
pub static INVOICES: Topic = Topic {
    waited_by: &[INGESTION, ALLOCATION],
    ..topic(
        "billing.invoice.v1",
        BILLING,
        "account",
        &[
            "InvoiceIssued",
            "InvoiceCorrected",
            "InvoiceCancelled",
            "CreditNoteIssued",
            "DayClosed",
        ],
    )
};

/// Payments, each told once.
pub static PAYMENTS: Topic = topic(
    "payments.payment.v1",
    INGESTION,
    "payment",
    &[
        "PaymentReceived",
        "PaymentReversed",
        "PaymentAttemptFailed",
        "DayClosed",
    ],
);

/// Every look at a payment, with the payer's name and account: personal data, 30 days.
pub static SIGHTINGS: Topic = Topic {
    personal: true,
    retention_days: Some(30),
    markers: false,
    ..topic("payments.sighting.v1", INGESTION, "payment", &["PaymentSighted"])
};

/// Which account's money it is.
pub static FUNDS: Topic = Topic {
    waited_by: &[ALLOCATION],
    ..topic(
        "payments.funds.v1",
        INGESTION,
        "account",
        &[
            "FundsAssigned",
            "FundsWithdrawn",
            "FundsExpected",
            "ExpectationEnded",
            "AccountImpeded",
            "AccountFreed",
            "DayClosed",
        ],
    )
};

/// What became of the money on each account.
pub static ALLOCATIONS: Topic = topic(
    "allocation.account.v1",
    ALLOCATION,
    "account",
    &[
        "ItemOpened",
        "ItemSettled",
        "ItemReopened",
        "FundsAllocated",
        "AllocationReversed",
        "CreditHeld",
        "AccountImpeded",
        "AccountFreed",
        "DayClosed",
    ],
);

/// Work for people; key: the account, else the task.
const fn tasks(name: &'static str, writer: &'static str) -> Topic {
    Topic {
        markers: false,
        ..topic(name, writer, "account", &["TaskRaised", "TaskClosed"])
    }
}

/// Certificates of closed days; read by `incasso proof` and by auditors.
const fn certificates(name: &'static str, writer: &'static str) -> Topic {
    Topic {
        markers: false,
        ..topic(name, writer, "calendar", &["DayCertified"])
    }
}

/// Totals of closed days per ledger account, for the ERP's general ledger.
const fn journal(name: &'static str, writer: &'static str) -> Topic {
    Topic {
        markers: false,
        ..topic(name, writer, "creditor", &["JournalPosted"])
    }
}

/// Work for people that billing found.
pub static BILLING_TASKS: Topic = tasks("billing.task.v1", BILLING);
/// Work for people that ingestion found.
pub static INGESTION_TASKS: Topic = tasks("ingestion.task.v1", INGESTION);
/// Work for people that allocation found.
pub static ALLOCATION_TASKS: Topic = tasks("allocation.task.v1", ALLOCATION);
/// Billing's certificates.
pub static BILLING_CERTIFICATES: Topic = certificates("billing.certificate.v1", BILLING);
/// Ingestion's certificates.
pub static INGESTION_CERTIFICATES: Topic = certificates("ingestion.certificate.v1", INGESTION);
/// Allocation's certificates.
pub static ALLOCATION_CERTIFICATES: Topic = certificates("allocation.certificate.v1", ALLOCATION);
/// Ingestion's journal totals.
pub static INGESTION_JOURNAL: Topic = journal("ingestion.journal.v1", INGESTION);
/// Allocation's journal totals.
pub static ALLOCATION_JOURNAL: Topic = journal("allocation.journal.v1", ALLOCATION);

/// All topics, in the order in which they are documented.
pub static ALL: &[&Topic] = &[
    &CREDITORS,
    &DEBTORS,
    &ACCOUNTS,
    &INVOICES,
    &PAYMENTS,
    &SIGHTINGS,
    &FUNDS,
    &ALLOCATIONS,
    &BILLING_TASKS,
    &INGESTION_TASKS,
    &ALLOCATION_TASKS,
    &BILLING_CERTIFICATES,
    &INGESTION_CERTIFICATES,
    &ALLOCATION_CERTIFICATES,
    &INGESTION_JOURNAL,
    &ALLOCATION_JOURNAL,
];
