//! A partition's lease row, as this epoch's owner last saw it.

use std::collections::BTreeMap;

use kernel::{BusinessDate, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

/// The last marker read on one topic of a partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub sequence: i64,
    pub calendar: String,
    pub closed_on: BusinessDate,
    pub next_on: BusinessDate,
    pub held: bool,
    pub at: Timestamp,
}

/// What was new on one topic of a partition since its last marker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    pub count: i64,
    pub checksum: i64,
}

impl Received {
    pub(crate) fn add(&mut self, checksum: i64) {
        self.count = self.count.saturating_add(1);
        self.checksum = self.checksum.wrapping_add(checksum);
    }
}

pub(crate) type Offsets = BTreeMap<String, i64>;
pub(crate) type Marks = BTreeMap<String, Mark>;

/// The mutable part of a lease row.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub(crate) struct LeaseState {
    pub positions: Json<Offsets>,
    pub marks: Json<Marks>,
    pub received: Json<BTreeMap<String, Received>>,
    pub closing_sequence: Option<i64>,
    pub closing_page: i64,
    pub closing_cursor: Option<String>,
    pub halted: Option<String>,
}

impl LeaseState {
    /// The next marker that all waited-for inputs have reached and that lies past `closed`.
    pub(crate) fn aligned<'a>(&self, waited: impl Iterator<Item = &'a str>, closed: i64) -> Option<Mark> {
        let mut lowest: Option<&Mark> = None;
        let mut any = false;
        for topic in waited {
            any = true;
            let mark = self.marks.get(topic)?;
            if mark.sequence <= closed {
                return None;
            }
            if lowest.is_none_or(|low| mark.sequence < low.sequence) {
                lowest = Some(mark);
            }
        }
        if any { lowest.cloned() } else { None }
    }

    /// A waited-for topic that has brought a marker past `closed` waits for its partners.
    pub(crate) fn blocked(&self, topic: &str, closed: i64) -> bool {
        self.marks.get(topic).is_some_and(|mark| mark.sequence > closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence: i64) -> Mark {
        let day = BusinessDate::parse("2026-01-31").unwrap();
        Mark {
            sequence,
            calendar: "RO".into(),
            closed_on: day,
            next_on: day.succ(),
            held: false,
            at: Timestamp::EPOCH,
        }
    }

    fn state(marks: &[(&str, i64)]) -> LeaseState {
        let marks = marks.iter().map(|(topic, n)| ((*topic).to_owned(), mark(*n))).collect();
        LeaseState {
            marks: Json(marks),
            ..LeaseState::default()
        }
    }

    #[test]
    fn a_day_runs_when_every_input_has_its_marker() {
        let waited = || ["a", "b"].into_iter();
        let aligned = |marks: &[(&str, i64)], closed| state(marks).aligned(waited(), closed).map(|mark| mark.sequence);
        assert_eq!(aligned(&[("a", 1)], 0), None);
        assert_eq!(aligned(&[("a", 1), ("b", 1)], 0), Some(1));
        assert_eq!(aligned(&[("a", 1), ("b", 1)], 1), None);
        // A marker stands for all before it (protocol.md row 20).
        assert_eq!(aligned(&[("a", 3), ("b", 2)], 1), Some(2));
        assert!(state(&[("a", 3), ("b", 2)]).blocked("a", 2));
        assert!(!state(&[("a", 3), ("b", 2)]).blocked("b", 2));
    }
}
