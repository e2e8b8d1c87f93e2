//! Work for people.

use kernel::{AccountId, BusinessDate, CreditorId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

use super::explanation::Fact;
use crate::{Message, MessageKey};

/// Work for a person. It stays until TaskClosed with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRaised {
    /// The task; the same matter always has the same id.
    pub task_id: TaskId,
    /// The queue of people it belongs to, e.g. `deposits`, `operations`.
    pub queue: String,
    /// The account it is about; null when it is about no single account.
    #[serde(default)]
    pub account_id: Option<AccountId>,
    /// The creditor it is about; null when it is about none.
    #[serde(default)]
    pub creditor_id: Option<CreditorId>,
    /// What is to be done, in snake case, e.g. `unidentified_money`; consumers keep kinds that they do not know.
    pub kind: String,
    /// Day by which it must be done; null when no law or promise sets one.
    #[serde(default)]
    pub due_on: Option<BusinessDate>,
    /// What the person needs to know to decide; no personal data.
    #[serde(default)]
    pub evidence: Vec<Fact>,
    /// Message time of what made it necessary.
    pub raised_at: Timestamp,
}

/// A task is done or no longer needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskClosed {
    /// The task, as in TaskRaised.
    pub task_id: TaskId,
    /// As in TaskRaised, so that both lie on the same partition.
    #[serde(default)]
    pub account_id: Option<AccountId>,
    /// How it ended: `done`, `withdrawn` or `superseded`.
    pub reason: String,
    /// Message time of what ended it.
    pub closed_at: Timestamp,
}

/// A task and its end lie on the same partition: of the account, else of the task itself.
fn task_key(account: Option<AccountId>, task: TaskId) -> MessageKey {
    account.map_or_else(|| task.into(), MessageKey::from)
}

impl Message for TaskRaised {
    const TYPE: &'static str = "TaskRaised";

    fn key(&self) -> MessageKey {
        task_key(self.account_id, self.task_id)
    }
}

impl Message for TaskClosed {
    const TYPE: &'static str = "TaskClosed";

    fn key(&self) -> MessageKey {
        task_key(self.account_id, self.task_id)
    }
}
