//! Through which day a bank account's statements reach. A feed that is late must not look like customers who did not pay.

use std::collections::BTreeSet;

use kernel::{BusinessDate, HolidayCalendar};

/// Longest run of days without a banking day that is stepped over (no calendar has one of two weeks).
const MAX_GAP_DAYS: usize = 31;
/// Longest period that one statement is believed to cover.
const MAX_STATEMENT_DAYS: i64 = 400;

/// Days that are looked at for gaps: ten years.
const MAX_GAP_SEARCH: usize = 3_660;
/// Gaps that are told.
const MAX_GAPS: usize = 100;

/// The last day up to which there is no gap: every banking day from `first_on` is in `covered`. `through` is what was
/// found before.
#[must_use]
pub fn through(
    first_on: BusinessDate,
    through: Option<BusinessDate>,
    covered: &BTreeSet<BusinessDate>,
    calendar: &HolidayCalendar,
) -> Option<BusinessDate> {
    let mut reached = through;
    loop {
        let start = reached.map_or(first_on, BusinessDate::succ);
        let mut next = start;
        let mut skipped = 0;
        while !covered.contains(&next) && !calendar.is_business_day(next) && skipped < MAX_GAP_DAYS {
            next = next.succ();
            skipped += 1;
        }
        if !covered.contains(&next) {
            return reached;
        }
        reached = Some(next);
    }
}

/// The banking day through which statements must reach when `closed_on` closes: `lag_days` banking days before it.
#[must_use]
pub fn required(closed_on: BusinessDate, lag_days: u32, calendar: &HolidayCalendar) -> BusinessDate {
    let mut day = closed_on;
    if lag_days == 0 && !calendar.is_business_day(day) {
        return calendar.previous_business_day(day);
    }
    for _ in 0..lag_days.min(366) {
        day = calendar.previous_business_day(day);
    }
    day
}

/// The same, of an account whose first day is `first_on`: none is due before it.
#[must_use]
pub fn due(
    first_on: BusinessDate,
    closed_on: BusinessDate,
    lag_days: u32,
    calendar: &HolidayCalendar,
) -> Option<BusinessDate> {
    Some(required(closed_on, lag_days, calendar)).filter(|required| *required >= first_on)
}

/// Whether the feed is on time.
#[must_use]
pub fn complete(through: Option<BusinessDate>, due: Option<BusinessDate>) -> bool {
    due.is_none_or(|due| through.is_some_and(|through| through >= due))
}

/// Banking days that are due and not there yet; 0 when on time.
#[must_use]
pub fn days_behind(
    first_on: BusinessDate,
    through: Option<BusinessDate>,
    due: Option<BusinessDate>,
    calendar: &HolidayCalendar,
) -> u32 {
    let Some(due) = due.filter(|_| !complete(through, due)) else {
        return 0;
    };
    let mut day = through.map_or(first_on, BusinessDate::succ);
    let mut days = 0;
    for _ in 0..MAX_GAP_SEARCH {
        if day > due {
            break;
        }
        days += u32::from(calendar.is_business_day(day));
        day = day.succ();
    }
    // A day due that is no banking day (lag 0) counts as well.
    days.max(1)
}

/// The banking days after `through` that no statement covers, up to the last covered or due day: first and last of each run,
/// at most a hundred runs.
#[must_use]
pub fn gaps(
    first_on: BusinessDate,
    through: Option<BusinessDate>,
    covered: &BTreeSet<BusinessDate>,
    due: Option<BusinessDate>,
    calendar: &HolidayCalendar,
) -> Vec<(BusinessDate, BusinessDate)> {
    let Some(end) = covered.last().copied().max(due) else {
        return Vec::new();
    };
    let mut gaps: Vec<(BusinessDate, BusinessDate)> = Vec::new();
    let mut open = false;
    let mut day = through.map_or(first_on, BusinessDate::succ);
    for _ in 0..MAX_GAP_SEARCH {
        if day > end || gaps.len() > MAX_GAPS {
            break;
        }
        if covered.contains(&day) {
            open = false;
        } else if calendar.is_business_day(day) {
            match gaps.last_mut().filter(|_| open) {
                Some(gap) => gap.1 = day,
                None => gaps.push((day, day)),
            }
            open = true;
        }
        day = day.succ();
    }
    gaps.truncate(MAX_GAPS);
    gaps
}

/// The days that a statement covers, up to the date of its closing balance: from the first day of its stated period, else
/// from the day after the statement whose closing balance it opens with (`chained_on`) or from its first booking.
/// The date of an opening balance says nothing: many banks write the day before.
#[must_use]
pub fn days_of(
    from: Option<BusinessDate>,
    chained_on: Option<BusinessDate>,
    first_booked_on: Option<BusinessDate>,
    closed_on: BusinessDate,
) -> Vec<BusinessDate> {
    let first = from.or(chained_on).into_iter().chain(first_booked_on).min();
    let first = first.filter(|first| *first <= closed_on).unwrap_or(closed_on);
    let first = if first.days_until(closed_on) > MAX_STATEMENT_DAYS {
        closed_on
    } else {
        first
    };
    let mut days = vec![first];
    let mut day = first;
    while day < closed_on {
        day = day.succ();
        days.push(day);
    }
    days
}

#[cfg(test)]
mod tests {
    use kernel::Jurisdiction;

    use super::*;

    fn on(text: &str) -> BusinessDate {
        BusinessDate::parse(text).unwrap()
    }

    fn romania() -> HolidayCalendar {
        HolidayCalendar::of(Jurisdiction::parse("RO").unwrap(), None).unwrap()
    }

    #[test]
    fn gaps_stop_and_weekends_do_not() {
        let calendar = romania();
        // 2026-11-02 is a Monday; 30 November (St Andrew) and 1 December are holidays.
        for (first, days, expected) in [
            ("2026-11-02", vec![], None),
            ("2026-11-02", vec!["2026-11-02"], Some("2026-11-02")),
            ("2026-11-02", vec!["2026-11-02", "2026-11-04"], Some("2026-11-02")),
            (
                "2026-11-05",
                vec!["2026-11-05", "2026-11-06", "2026-11-09"],
                Some("2026-11-09"),
            ),
            ("2026-11-07", vec!["2026-11-09"], Some("2026-11-09")),
            ("2026-11-27", vec!["2026-11-27", "2026-12-02"], Some("2026-12-02")),
            ("2026-11-02", vec!["2026-10-30"], None),
        ] {
            let covered = days.iter().map(|day| on(day)).collect();
            assert_eq!(
                through(on(first), None, &covered, &calendar),
                expected.map(on),
                "{first} {days:?}"
            );
        }
        let covered = BTreeSet::from([on("2026-11-04")]);
        assert_eq!(
            through(on("2026-11-02"), Some(on("2026-11-03")), &covered, &calendar),
            Some(on("2026-11-04"))
        );
    }

    #[test]
    fn by_default_the_previous_banking_day_must_be_there() {
        let calendar = romania();
        for (closed, lag, expected) in [
            ("2026-11-03", 1, "2026-11-02"),
            ("2026-11-02", 1, "2026-10-30"),
            ("2026-11-08", 1, "2026-11-06"),
            ("2026-11-08", 0, "2026-11-06"),
            ("2026-11-06", 0, "2026-11-06"),
            ("2026-12-02", 2, "2026-11-26"),
        ] {
            assert_eq!(required(on(closed), lag, &calendar), on(expected), "{closed} {lag}");
        }
        let due = |first, closed| due(on(first), on(closed), 1, &calendar);
        assert_eq!(due("2026-11-03", "2026-11-03"), None, "none before the first day");
        assert_eq!(due("2026-11-02", "2026-11-03"), Some(on("2026-11-02")));
        assert!(complete(None, None));
        for (through, expected) in [(None, false), (Some("2026-11-01"), false), (Some("2026-11-02"), true)] {
            assert_eq!(
                complete(through.map(on), Some(on("2026-11-02"))),
                expected,
                "{through:?}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_told_in_banking_days() {
        let calendar = romania();
        let of = |through: Option<&str>, covered: &[&str], due: Option<&str>| {
            let covered = covered.iter().map(|day| on(day)).collect();
            let gaps = gaps(on("2026-11-02"), through.map(on), &covered, due.map(on), &calendar);
            let behind = days_behind(on("2026-11-02"), through.map(on), due.map(on), &calendar);
            let shown = gaps.iter().map(|(from, to)| format!("{from}/{to}")).collect::<Vec<_>>();
            (shown.join(" "), behind)
        };
        let told = |gaps: &str, behind| (gaps.to_owned(), behind);
        assert_eq!(of(None, &[], None), told("", 0));
        assert_eq!(of(None, &[], Some("2026-11-03")), told("2026-11-02/2026-11-03", 2));
        assert_eq!(of(Some("2026-11-03"), &[], Some("2026-11-03")), told("", 0));
        // Over a weekend it is one gap; what is covered parts it.
        assert_eq!(
            of(Some("2026-11-04"), &[], Some("2026-11-09")),
            told("2026-11-05/2026-11-09", 3)
        );
        assert_eq!(
            of(Some("2026-11-03"), &["2026-11-05", "2026-11-09"], Some("2026-11-06")),
            told("2026-11-04/2026-11-04 2026-11-06/2026-11-06", 3)
        );
        // Not due yet, and a hole all the same.
        assert_eq!(
            of(Some("2026-11-03"), &["2026-11-05"], Some("2026-11-03")),
            told("2026-11-04/2026-11-04", 0)
        );
    }

    #[test]
    fn a_statement_covers_its_period() {
        assert_eq!(days_of(Some(on("2026-11-01")), None, None, on("2026-11-03")).len(), 3);
        assert_eq!(
            days_of(None, Some(on("2026-11-02")), Some(on("2026-11-03")), on("2026-11-03")).len(),
            2
        );
        assert_eq!(days_of(None, None, Some(on("2026-11-01")), on("2026-11-03")).len(), 3);
        assert_eq!(days_of(None, None, None, on("2026-11-02")), [on("2026-11-02")]);
        assert_eq!(
            days_of(Some(on("2026-11-05")), None, None, on("2026-11-02")),
            [on("2026-11-02")]
        );
        assert_eq!(
            days_of(Some(on("2001-01-01")), None, None, on("2026-11-02")),
            [on("2026-11-02")]
        );
    }
}
