//! Every reader alone: a large file of each format is made, and read by a process of its own on one core.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use ingestion::formats::{Map, Settings, check};
use serde_json::{Map as Object, Value, json};

use crate::cpu;
use crate::number::ratio;

/// What Norma 43 can count in record 33 (five digits), with room.
const MOVEMENTS: u64 = 90_000;

/// The column map of the CSV.
const MAP: &str = "name = \"bench\"\nkind = \"statement\"\ncurrency = \"RON\"\naccount = \"RO49AAAA1B31007593840000\"\n\
                   [columns]\nbooked_on = 1\namount = 2\nbalance = 3\nname = 4\niban = 5\nreferences = [6]\nremittance = [7]\n";

type Made = fn(&mut dyn Write, u64) -> std::io::Result<()>;

/// Measures each reader with a file of so many megabytes in `folder`; that of camt.053 is there already.
///
/// # Errors
/// A file cannot be made, or is not read as sound.
pub fn measure(folder: &Path, camt: &Path, megabytes: usize) -> anyhow::Result<Value> {
    let bytes = u64::try_from(megabytes)?.saturating_mul(1_000_000);
    let formats: [(&str, Made); 5] = [
        ("mt940", mt940),
        ("norma43", norma43),
        ("asobancaria", asobancaria),
        ("cbi", cbi),
        ("csv", csv),
    ];
    let mut figures = Object::new();
    figures.insert("camt053".to_owned(), of(camt)?);
    for (name, write) in formats {
        let path = folder.join(format!("large.{name}"));
        let mut out = BufWriter::new(File::create(&path)?);
        write(&mut out, bytes).with_context(|| name.to_owned())?;
        out.flush()?;
        drop(out);
        figures.insert(name.to_owned(), of(&path).with_context(|| name.to_owned())?);
        std::fs::remove_file(&path)?;
        eprintln!("bench: {name} read");
    }
    Ok(Value::Object(figures))
}

/// Reads a file in a process of its own, so that its peak memory is of this reading.
fn of(path: &Path) -> anyhow::Result<Value> {
    let done = Command::new(std::env::current_exe()?).arg("read").arg(path).output()?;
    anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// What that process does: one reading to the end, as the importer's first pass.
///
/// # Errors
/// The file is not read as sound.
pub fn read(path: PathBuf) -> anyhow::Result<()> {
    let map: Map = toml::from_str(MAP)?;
    let settings = Settings {
        map: Some(Arc::new(map)),
        ..Settings::default()
    };
    let began = Instant::now();
    let (summary, _) = check(BufReader::new(File::open(path)?), &settings)?;
    let took = u64::try_from(began.elapsed().as_micros())?;
    anyhow::ensure!(summary.quarantined == 0, "{summary:?}");
    let figures = json!({
        "entries": summary.entries,
        "reader_mb_per_s": ratio(summary.bytes, took, 1),
        "peak_memory_mib": cpu::peak_memory_kib(std::process::id())? / 1_024,
    });
    println!("{figures}");
    Ok(())
}

fn mt940(out: &mut dyn Write, bytes: u64) -> std::io::Result<()> {
    const ENTRY: &str = ":61:2601020102C1,00NTRFREF-417//BNK-00000417\n:86:166?00GUTSCHRIFT?109251?20EREF+RG-2026-000417 \
                         KUNDE 88?2104\n12?22SVWZ+Rechnung 2026-0417 a?23us Dezember, Kundennummer 8?24882\n\
                         10?30GENODEF1M03?31DE02701500000000594937?32Schreinerei Hol?33zwurm OHG\n";
    let entries = bytes / u64::try_from(ENTRY.len()).unwrap_or(1);
    write!(
        out,
        ":20:T1\n:25:RO49AAAA1B31007593840000\n:28C:32/1\n:60F:C260101RON0,00\n"
    )?;
    (0..entries).try_for_each(|_| out.write_all(ENTRY.as_bytes()))?;
    write!(out, ":62F:C260102RON{entries},00\n-\n")
}

/// Files one after the other, each as long as its counts allow.
fn norma43(out: &mut dyn Write, bytes: u64) -> std::io::Result<()> {
    let movement = format!(
        "22    1500261102261102040072{:014}{:010}{:<12}{:<16}\n23{:<78}\n",
        100, 7, "", "FACTURA 417", "01TRANSFERENCIA DE MARIA MUNOZ GARCIA   FACTURA 417 CONTRATO 88"
    );
    let mut left = bytes / u64::try_from(movement.len()).unwrap_or(1);
    while left > 0 {
        let movements = left.min(MOVEMENTS);
        left -= movements;
        let sum = movements.saturating_mul(100);
        writeln!(out, "110049150012345678922611012611302{:014}9783EMPRESA DE AGUAS SA", 0)?;
        (0..movements).try_for_each(|_| out.write_all(movement.as_bytes()))?;
        writeln!(
            out,
            "33004915001234567892{:05}{:014}{movements:05}{sum:014}2{sum:014}978",
            0, 0
        )?;
        writeln!(
            out,
            "88{}{:06}",
            "9".repeat(18),
            movements.saturating_mul(2).saturating_add(2)
        )?;
    }
    Ok(())
}

fn asobancaria(out: &mut dyn Write, bytes: u64) -> std::io::Result<()> {
    let records = bytes / 163;
    let sum = records.saturating_mul(1_500_000);
    writeln!(
        out,
        "01{:010}20261103007{:017}202611041230A01{:107}",
        900_123_456, 1_234_567_890, ""
    )?;
    writeln!(out, "0577099988884870001{:143}", "")?;
    for number in 0..records {
        writeln!(
            out,
            "06{number:048}{:014}0115{:06}{:06}0070001{:07}000{:65}",
            1_500_000,
            1,
            2,
            number % 9_999_999,
            ""
        )?;
    }
    writeln!(out, "08{records:09}{sum:018}0001")?;
    writeln!(out, "09{records:09}{sum:018}")
}

fn cbi(out: &mut dyn Write, bytes: u64) -> std::io::Result<()> {
    let movement = " 620000001001021126031126C000000000001,0048 RIF77             BONIFICO\n \
                    630000001001YYY02112026ROSSI MARIA\n 630000001001RI1FATTURA 77 CONTRATTO 5\n";
    let movements = bytes / u64::try_from(movement.len()).unwrap_or(1);
    writeln!(out, " RH0310031999021126FILE")?;
    writeln!(
        out,
        " 6100000010542893001{:18}X0542811101000000123456EUR011126C000000000000,00IT60",
        ""
    )?;
    (0..movements).try_for_each(|_| out.write_all(movement.as_bytes()))?;
    writeln!(out, " 640000001EUR031126C{movements:012},00")?;
    writeln!(out, " EF0310031999021126FILE")
}

fn csv(out: &mut dyn Write, bytes: u64) -> std::io::Result<()> {
    writeln!(out, "Data;Suma;Sold;Partener;IBAN;Referinta;Detalii")?;
    // A row is about this long.
    for number in 1..=bytes / 120 {
        writeln!(
            out,
            "2026-11-02;1.00;{number}.00;POPESCU MARIA;RO09BCYP0000001234567890;R-{number:09};\"plata factura 417; contract 88\""
        )?;
    }
    Ok(())
}
