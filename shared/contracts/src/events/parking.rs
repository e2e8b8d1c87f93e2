//! Accounts that a parked message holds up.

use kernel::{AccountId, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::message;

/// A message of this account could not be handled and its key is parked: treat the account as stayed until
/// AccountFreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountImpeded {
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// Name of the service that says so, e.g. `allocation`.
    pub service: String,
    /// Why the message was rejected: the rule's name and the numbers involved, without personal data.
    pub reason: String,
    /// Id (`ce_id`) of the message that could not be handled; of an undecodable record, what the runtime derives
    /// for it.
    pub message_id: MessageId,
    /// Message time of the rejection.
    pub impeded_at: Timestamp,
}

/// All parked messages of this account were handled in order; this service no longer impedes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFreed {
    /// The contract account, UUIDv5 of the creditor and the ERP's own id of the account.
    pub account_id: AccountId,
    /// Name of the service that says so, e.g. `allocation`.
    pub service: String,
    /// When the last parked message was handled.
    pub freed_at: Timestamp,
}

message!(AccountImpeded, key = account_id);
message!(AccountFreed, key = account_id);
