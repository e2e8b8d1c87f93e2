//! Creditors.

use super::*;

#[test]
fn creditors_are_checked() {
    let creditor = Creditor {
        code: "RO-ENERGY".to_owned(),
        version: 1,
        name: "Energie SA".to_owned(),
        jurisdiction: "RO".parse().unwrap(),
        region: None,
        time_zone: "Europe/Bucharest".to_owned(),
        cut_off: "17:00".to_owned(),
        currency: Currency::RON,
        first_on: None,
        bank_accounts: Vec::new(),
        merchants: Vec::new(),
        letterhead: None,
    };
    let found = |creditor: &Creditor| {
        let mut findings = Findings::default();
        creditor.check(&mut findings);
        findings
            .into_errors()
            .into_iter()
            .map(|error| (error.pointer, error.rule))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&creditor), []);
    let elsewhere = Creditor {
        jurisdiction: "FR".parse().unwrap(),
        ..creditor.clone()
    };
    assert_eq!(found(&elsewhere), one("/jurisdiction", "unknown-holidays"));
    assert_eq!(
        found(&Creditor {
            code: "a/b".to_owned(),
            ..creditor.clone()
        }),
        one("", "code")
    );
    let registration = creditor::Registration {
        calendar: "RO@17:00@Europe/Bucharest".parse().unwrap(),
        first_on: day("2026-01-01"),
        has_accounts: true,
    };
    let changed = Creditor {
        cut_off: "18:00".to_owned(),
        first_on: Some(day("2026-01-02")),
        ..creditor
    };
    let mut findings = Findings::default();
    changed.check_change(&registration, &mut findings);
    let pointers: Vec<String> = findings.into_errors().into_iter().map(|error| error.pointer).collect();
    assert_eq!(pointers, ["/cut_off", "/first_on"]);
    let mut findings = Findings::default();
    changed.check_change(
        &creditor::Registration {
            has_accounts: false,
            ..registration
        },
        &mut findings,
    );
    assert_eq!(findings.into_errors().len(), 1);
    assert_eq!(creditor::first_day(None, day("2026-01-05")), Ok(day("2026-01-05")));
    assert_eq!(
        creditor::first_day(Some(day("2026-01-04")), day("2026-01-05")),
        Err(day("2026-01-05"))
    );
    assert_eq!(
        creditor::first_day(Some(day("2026-01-06")), day("2026-01-05")),
        Ok(day("2026-01-06"))
    );
}
