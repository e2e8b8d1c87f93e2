//! Norma 43 is booked like camt.053: by upload and from a watched folder.

use ingestion::config::{Folder, Source};
use testkit::eventually;

use super::world::{PATIENCE, World, config};

/// The IBAN of bank 0049, branch 1500, account 1234567892.
const IBAN: &str = "ES6000491500051234567892";

struct Movement {
    day: u32,
    minor: i64,
    second: &'static str,
    text: &'static str,
}

/// A file of November 2026 in lei, whose ends fit.
fn file(opening: i64, movements: &[Movement]) -> String {
    let mut lines = vec![format!(
        "11004915001234567892261102261103{}{:014}9463ENERGIA SA",
        2, opening
    )];
    for movement in movements {
        let Movement {
            day,
            minor,
            second,
            text,
        } = movement;
        let sign = if *minor < 0 { 1 } else { 2 };
        let amount = minor.abs();
        lines.push(format!(
            "22    15002611{day:02}2611{day:02}04007{sign}{amount:014}{:010}{:012}{second}",
            0, 0
        ));
        lines.push(format!("2301{text}"));
    }
    let side = |debit: bool| {
        movements
            .iter()
            .map(|movement| movement.minor)
            .filter(move |minor| (*minor < 0) == debit)
    };
    lines.push(format!(
        "33004915001234567892{:05}{:014}{:05}{:014}2{:014}946",
        side(true).count(),
        side(true).sum::<i64>().abs(),
        side(false).count(),
        side(false).sum::<i64>(),
        opening + side(true).sum::<i64>() + side(false).sum::<i64>()
    ));
    lines.push(format!("88{}{:06}", "9".repeat(18), lines.len()));
    lines.join("\r\n")
}

fn movements() -> [Movement; 4] {
    let movement = |day, minor, second, text| Movement {
        day,
        minor,
        second,
        text,
    };
    [
        movement(2, 10_000, "F-2026/000001", "PAGO FACTURA"),
        movement(2, 5_000, "", "ABONO C-1001 GRACIAS"),
        movement(2, 5_000, "", "ABONO C-1001 GRACIAS"),
        movement(3, -200, "", "COMISION"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_booked_once() {
    let world = World::new("norma43").await;
    world.creditor_with(IBAN).await;
    world.account("C-1001", &[], &[]).await;
    world.invoice("F-2026/000001", "C-1001", 10_000).await;
    let text = file(100_000, &movements());
    let (status, answer) = world.post("/v1/statements?wait=30", text.clone()).await;
    assert_eq!(status, 200, "{answer}");
    let booked = &answer["statements"][0];
    assert_eq!(
        (
            &booked["state"],
            &booked["payments"],
            &booked["outgoing"],
            &booked["proof"]
        ),
        (&"booked".into(), &3.into(), &1.into(), &"holds".into()),
        "{answer}"
    );
    let mut rules: Vec<_> = world
        .assigned(3)
        .await
        .iter()
        .map(|funds| (funds.amount_minor, funds.evidence[0].rule.clone()))
        .collect();
    rules.sort();
    let account = "account_number".to_owned();
    assert_eq!(
        rules,
        [
            (5_000, account.clone()),
            (5_000, account),
            (10_000, "invoice_number".to_owned())
        ]
    );
    // The day grown by one: what was there is seen again, by its references and its texts.
    let mut grown: Vec<Movement> = movements().into();
    grown.insert(
        0,
        Movement {
            day: 2,
            minor: 5_000,
            second: "F-2026/000009",
            text: "ABONO C-1001 GRACIAS",
        },
    );
    let (_, answer) = world.post("/v1/statements?wait=30", file(100_000, &grown)).await;
    let booked = &answer["statements"][0];
    assert_eq!(
        (&booked["payments"], &booked["seen_again"]),
        (&1.into(), &3.into()),
        "{answer}"
    );
    // One that does not add up is kept apart.
    let broken = text.replacen("00000000010000", "00000000010001", 1);
    let (_, answer) = world.post("/v1/statements?wait=30", broken).await;
    assert_eq!(answer["statements"][0]["state"], "quarantined", "{answer}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_names_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source {
        name: "santander-es".into(),
        account: IBAN.into(),
        file_end: ingestion::formats::FileEnd::Optional,
        reference_patterns: vec!["F-####/######".into()],
        ..Source::default()
    };
    let config = ingestion::Config {
        sources: vec![source],
        folders: vec![Folder {
            path: folder.path().to_owned(),
            poll_millis: 50,
            source: Some("santander-es".into()),
        }],
        ..config()
    };
    let world = World::with("norma43-folder", config).await;
    world.creditor_with(IBAN).await;
    world.account("C-1001", &[], &[]).await;
    world.invoice("F-2026/000001", "C-1001", 10_000).await;
    let movement = Movement {
        day: 2,
        minor: 10_000,
        second: "",
        text: "POR:F-2026/000001;GRACIAS",
    };
    let text = file(0, &[movement]);
    // This bank writes no record 88.
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("88")).collect();
    std::fs::write(folder.path().join("day.n43"), text.join("\n")).unwrap();
    let funds = world.assigned(1).await;
    assert_eq!(funds[0].amount_minor, 10_000);
    eventually(PATIENCE, async || folder.path().join("done/day.n43").exists()).await;
    let (status, answer) = world.post("/v1/statements?source=nobody", "x").await;
    assert_eq!(status, 400, "{answer}");
    world.finish().await;
}
