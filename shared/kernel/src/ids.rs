//! One type per thing that has an identifier.
//!
//! Every id is derived (UUIDv5, RFC 9562) from what identifies the thing outside, never random and never from a position
//! in a batch: the same fact gets the same id wherever and however often it is computed, also by other programs.
//!
//! **How to compute one elsewhere.** The name hashed under [`NAMESPACE`] is a run of netstrings (`length:bytes,`, length
//! in bytes of UTF-8), first the kind, then the parts. No two lists of parts give the same name. In Python:
//!
//! ```python
//! def derive(*parts): return uuid.uuid5(NAMESPACE, "".join(f"{len(p.encode())}:{p}," for p in parts))
//! creditor = derive("creditor", "RO-ENERGY")
//! account  = derive("account", str(creditor), "C-1001")
//! ```

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use uuid::Uuid;

use crate::text::serde_as_text;

/// The namespace of all ids: UUIDv5 of the DNS namespace and the name `incasso.invalid`.
/// Changing it would change every id ever made.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x4d3f_cb28_ff3d_5626_92d8_1886_5151_7503);

/// A text that is no UUID.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no {kind} id: a UUID in its hyphenated form is expected")]
pub struct IdError {
    kind: &'static str,
}

fn derived(kind: &str, parts: &[&str]) -> Uuid {
    let mut name = String::with_capacity(kind.len() + parts.iter().map(|part| part.len() + 4).sum::<usize>() + 4);
    for part in std::iter::once(&kind).chain(parts) {
        // Writing into a String cannot fail.
        let _ = write!(name, "{}:{part},", part.len());
    }
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// Serde and `Display` form: the hyphenated lower-case UUID.
        #[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The id that this UUID is, as read from a message or a table.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID, as written to a table.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Only the hyphenated form: one thing, one spelling (upper-case digits are read, and written lower-case).
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    _ => Err(IdError { kind: $kind }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        serde_as_text!($name, concat!("the UUID of a ", $kind));
    };
}

/// Ids that are derived from a list of parts of their owner's choosing.
macro_rules! derived_from_parts {
    ($($name:ident, $kind:literal;)*) => {$(
        impl $name {
            /// The id of these parts; parts are kept apart, `["ab", "c"]` is not `["a", "bc"]`.
            #[must_use]
            pub fn derive(parts: &[&str]) -> Self {
                Self(derived($kind, parts))
            }
        }
    )*};
}

/// Ids that are derived from the creditor and the ERP's own id, so that everybody can compute them.
macro_rules! derived_from_creditor {
    ($($name:ident, $kind:literal;)*) => {$(
        impl $name {
            /// The id of what the creditor's ERP calls `external_id` (taken as it is: case and blanks count).
            #[must_use]
            pub fn derive(creditor: CreditorId, external_id: &str) -> Self {
                Self(derived($kind, &[&creditor.to_string(), external_id]))
            }
        }
    )*};
}

id!(/// A legal entity that is owed.
    CreditorId, "creditor");
id!(/// A person or firm that owes.
    DebtorId, "debtor");
id!(/// One debtor's contract account with one creditor, in one currency; the key of nearly every topic.
    AccountId, "account");
id!(/// A consumption place.
    PlaceId, "place");
id!(/// An invoice.
    InvoiceId, "invoice");
id!(/// An open item: one instalment of an invoice, or a charge.
    ItemId, "item");
id!(/// A payment: money received once, however often it is seen.
    PaymentId, "payment");
id!(/// A part of a payment assigned to an account.
    FundsId, "funds");
id!(/// Money that is not (wholly) identified yet.
    DepositId, "deposit");
id!(/// An amount of funds on an open item.
    AllocationId, "allocation");
id!(/// A credit note.
    CreditNoteId, "credit-note");
id!(/// Work for a person.
    TaskId, "task");
id!(/// One appearance of a payment in a feed.
    SightingId, "sighting");
id!(/// A message; its CloudEvents id.
    MessageId, "message");

derived_from_creditor! {
    DebtorId, "debtor";
    AccountId, "account";
    PlaceId, "place";
    InvoiceId, "invoice";
    CreditNoteId, "credit-note";
}

derived_from_parts! {
    DepositId, "deposit";
    AllocationId, "allocation";
    TaskId, "task";
    SightingId, "sighting";
}

impl CreditorId {
    /// The id of the creditor with this code (the code in `PUT /v1/creditors/{creditor}`, taken as it is).
    #[must_use]
    pub fn derive(code: &str) -> Self {
        Self(derived("creditor", &[code]))
    }
}

impl ItemId {
    /// The id of an invoice's instalment, counted from 1 in the order the ERP gave.
    #[must_use]
    pub fn derive(invoice: InvoiceId, instalment: u32) -> Self {
        Self(derived("item", &[&invoice.to_string(), &instalment.to_string()]))
    }
}

impl PaymentId {
    /// The id of a payment by the key of its first sight: `namespace` names the kind of key (an entry of a bank
    /// account, a provider's transaction), `key` is unique within it.
    #[must_use]
    pub fn derive(namespace: &str, key: &str) -> Self {
        Self(derived("payment", &[namespace, key]))
    }
}

impl FundsId {
    /// The id of the `n`th assignment (from 0) of a payment to an account.
    #[must_use]
    pub fn derive(payment: PaymentId, account: AccountId, n: u32) -> Self {
        Self(derived(
            "funds",
            &[&payment.to_string(), &account.to_string(), &n.to_string()],
        ))
    }
}

impl MessageId {
    /// The id of the `n`th message (from 0) that `handler` emits for the message `cause`: a replay emits the same ids.
    #[must_use]
    pub fn derive(cause: Self, handler: &str, n: u32) -> Self {
        Self(derived("message", &[&cause.to_string(), handler, &n.to_string()]))
    }

    /// The id of a message that no other message caused: `text` names the cause (a file's digest and entry, a request,
    /// a day and an account).
    #[must_use]
    pub fn derive_text(text: &str) -> Self {
        Self(derived("message", &[text]))
    }
}

/// A number for the checksum of a set of messages: the two halves of the UUID, big-endian, combined by exclusive or.
///
/// Add them up with `wrapping_add`: the sum does not depend on order, and a message lost, doubled or put in another's
/// place changes it. Ids are SHA-1 of their names, so the halves are evenly spread (RFC 9562's six fixed bits each meet a
/// free bit of the other half).
#[must_use]
pub fn checksum(message: MessageId) -> i64 {
    let (high, low) = message.0.as_u64_pair();
    (high ^ low).cast_signed()
}

#[cfg(test)]
mod tests;
