//! Settings of this service: `[allocation]` in the file, `INCASSO__ALLOCATION__…` in the environment.

use serde::{Deserialize, Serialize};

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Accounts that one page of the day's close decides again; a page must end within 50 ms.
    pub close_page_accounts: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            close_page_accounts: 100,
        }
    }
}
