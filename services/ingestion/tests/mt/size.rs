//! Large files: memory does not grow, and time is what the reading of bytes costs.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

use ingestion::formats::{Event, read};

const ENTRY: &str = ":61:2601020102C1,00NTRFREF-417//BNK-00000417\n:86:166?00GUTSCHRIFT?109251?20EREF+RG-2026-000417 \
KUNDE 88?2104\n12?22SVWZ+Rechnung 2026-0417 a?23us Dezember, Kundennummer 8?24882\n\
10?30GENODEF1M03?31DE02701500000000594937?32Schreinerei Hol?33zwurm OHG\n";

/// A statement of so many entries, made while it is read.
struct Made {
    entries: u64,
    at: u64,
}

impl Made {
    const HEAD: &'static str = ":20:T1\n:25:RO49AAAA1B31007593840000\n:28C:32/1\n:60F:C260101RON0,00\n";

    fn tail(&self) -> String {
        format!(":62F:C260102RON{},00\n-\n", self.entries)
    }

    fn len(&self) -> u64 {
        u64::try_from(Self::HEAD.len() + self.tail().len() + ENTRY.len() * usize::try_from(self.entries).unwrap())
            .unwrap()
    }
}

impl Read for Made {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let head = u64::try_from(Self::HEAD.len()).unwrap();
        let entry = u64::try_from(ENTRY.len()).unwrap();
        let mut filled = 0;
        while filled < buf.len() {
            let tail = self.tail();
            let (text, from) = if self.at < head {
                (Self::HEAD, self.at)
            } else if self.at < head + entry * self.entries {
                (ENTRY, (self.at - head) % entry)
            } else {
                (tail.as_str(), self.at - head - entry * self.entries)
            };
            let rest = &text.as_bytes()[usize::try_from(from).unwrap()..];
            let count = rest.len().min(buf.len() - filled);
            if count == 0 {
                break;
            }
            buf[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            self.at += u64::try_from(count).unwrap();
        }
        Ok(filled)
    }
}

impl Seek for Made {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else {
            return Err(io::Error::other("only from the start"));
        };
        self.at = at.min(self.len());
        Ok(self.at)
    }
}

/// Peak of resident memory in KiB, of the whole process.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn measured(entries: u64) -> u64 {
    let made = Made { entries, at: 0 };
    let bytes = made.len();
    let begun = Instant::now();
    let mut seen = 0_u64;
    let summary = read(made, &mut |event| {
        seen += u64::from(matches!(event, Event::Entry(_)));
        Ok::<(), ()>(())
    })
    .unwrap();
    let seconds = begun.elapsed();
    assert_eq!(
        (summary.statements, summary.quarantined, summary.entries, seen),
        (1, 0, entries, entries)
    );
    let millis = u64::try_from(seconds.as_millis()).unwrap().max(1);
    println!(
        "{bytes} bytes in {millis} ms: {} MB/s, peak {} KiB",
        bytes / millis / 1000,
        peak()
    );
    bytes
}

#[test]
fn memory_does_not_grow_with_the_file() {
    measured(1_000);
    let before = peak();
    let bytes = measured(60_000);
    assert!(bytes > 14_000_000);
    assert!(peak() < before + 16 * 1024, "{} KiB after {before} KiB", peak());
}

/// `cargo test --release -p ingestion --test mt -- --ignored --nocapture`
#[test]
#[ignore = "measures; in release only"]
fn forty_megabytes_a_second() {
    measured(1_000_000);
}
