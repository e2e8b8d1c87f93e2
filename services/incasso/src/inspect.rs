//! `incasso inspect FILE`: how a bank file is read, entry by entry, with the arithmetic of its balance proof, or
//! exactly why it is refused. Needs neither broker nor database.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use ingestion::formats::inspection::{Inspection, Outcome, ProblemList, ProblemView, write_json};
use ingestion::formats::problem::decimal;
use ingestion::formats::reasons::meaning;
use ingestion::formats::{
    Entry, Event, MAX_FILE, Part, ReadError, Refusal, Return, Settings, StatementEnd, StatementHeader, StatementKind,
    Status, Summary, Verdict, check, read_settled,
};

use crate::sources::By;

/// Reads `file` and writes what it says to `out`: for people, or as JSON.
///
/// The answer is the process's exit code: 0 read, and no statement is quarantined; 1 at least one is; 2 the file is
/// refused, or cannot be opened. Memory is bounded however large the file is.
///
/// # Errors
/// Only those of `out`.
pub fn run(file: &Path, by: &By, json: bool, out: &mut dyn Write) -> io::Result<u8> {
    let mut input = match open(file) {
        Ok(input) => input,
        Err(error) => return unreadable(file, &error, json, out),
    };
    let settings = match by.settings(&mut input) {
        Ok(settings) => settings,
        Err(problem) => return told_only(problem, json, out),
    };
    let mut out = Output {
        inner: out,
        failed: false,
    };
    let told = if json {
        write_json(input, &settings, &mut out)
    } else {
        tell(input, &settings, &mut out)
    };
    match told {
        Ok(outcome) => Ok(outcome.exit_code()),
        Err(error) if out.failed => Err(error),
        Err(error) => unreadable(file, &error, json, &mut out),
    }
}

/// Knows whether an error came from the output: then there is nobody left to tell.
struct Output<'a> {
    inner: &'a mut dyn Write,
    failed: bool,
}

impl Write for Output<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.inner
            .write(buf)
            .inspect_err(|error| self.failed |= error.kind() != io::ErrorKind::Interrupted)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush().inspect_err(|_| self.failed = true)
    }
}

/// The file, rewindable: what comes through a pipe is kept in a temporary file first.
fn open(path: &Path) -> io::Result<BufReader<File>> {
    let mut file = File::open(path)?;
    let kind = file.metadata()?;
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder"));
    }
    if !kind.is_file() {
        let mut kept = tempfile::tempfile()?;
        // One byte more than is read, so that what is too large is still seen to be.
        io::copy(&mut io::Read::take(&mut file, MAX_FILE + 1), &mut kept)?;
        kept.seek(SeekFrom::Start(0))?;
        file = kept;
    }
    Ok(BufReader::new(file))
}

fn unreadable(file: &Path, error: &io::Error, json: bool, out: &mut dyn Write) -> io::Result<u8> {
    let problem = ProblemView {
        place: file.display().to_string(),
        what: format!("the file cannot be read: {error}"),
        remedy: "Check the path and the permissions.".to_owned(),
    };
    told_only(problem, json, out)
}

/// Nothing was read: why.
fn told_only(problem: ProblemView, json: bool, out: &mut dyn Write) -> io::Result<u8> {
    if json {
        let inspection = Inspection {
            format: None,
            statements: Vec::new(),
            problems: vec![problem],
            outcome: Outcome::Refused,
        };
        serde_json::to_writer_pretty(&mut *out, &inspection)?;
        writeln!(out)?;
    } else {
        writeln!(out, "REFUSED")?;
        tell_problem(&problem, out)?;
    }
    Ok(Outcome::Refused.exit_code())
}

/// The report for people. One reading decides whether the file is refused, the second tells.
fn tell(mut input: BufReader<File>, settings: &Settings, out: &mut dyn Write) -> io::Result<Outcome> {
    let (summary, pages) = match check(&mut input, settings) {
        Ok(checked) => checked,
        Err(ReadError::Refused(refusal)) => return refused(&refusal, out),
        Err(ReadError::Io(error) | ReadError::Receiver(error)) => return Err(error),
    };
    writeln!(out, "{}, read as {}", summary.format, summary.encoding)?;
    if !summary.dialect.name.is_empty() {
        let (name, why) = (&summary.dialect.name, &summary.dialect.why);
        writeln!(out, "dialect: {} ({})", printable(name, 80), printable(why, 200))?;
    }
    let mut report = Report {
        out,
        problems: ProblemList::default(),
    };
    match read_settled(input, settings, &pages, &mut |event| report.event(event)) {
        Ok(_) => {}
        Err(ReadError::Io(error) | ReadError::Receiver(error)) => return Err(error),
        // It was read a moment ago: the file was changed in between.
        Err(ReadError::Refused(refusal)) => return Err(io::Error::other(refusal)),
    }
    let Report { out, problems } = report;
    let problems = problems.into_views();
    if !problems.is_empty() {
        writeln!(out, "\nProblems and notes")?;
        for problem in &problems {
            tell_problem(problem, out)?;
        }
    }
    tell_summary(&summary, out)
}

fn tell_summary(summary: &Summary, out: &mut dyn Write) -> io::Result<Outcome> {
    let Summary {
        statements,
        entries,
        quarantined,
        ..
    } = summary;
    write!(
        out,
        "\n{}, {}: ",
        plural(u64::from(*statements), "statement"),
        plural(*entries, "entry")
    )?;
    if *quarantined > 0 {
        let which = plural(u64::from(*quarantined), "statement");
        writeln!(out, "{which} would be QUARANTINED, nothing of it booked")?;
        return Ok(Outcome::Quarantined);
    }
    writeln!(out, "would be accepted")?;
    Ok(Outcome::Read)
}

fn plural(count: u64, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {what}s"),
    }
}

fn refused(refusal: &Refusal, out: &mut dyn Write) -> io::Result<Outcome> {
    match &refusal.format {
        Some(format) => writeln!(out, "REFUSED ({})", printable(format, 80))?,
        None => writeln!(out, "REFUSED")?,
    }
    tell_problem(&ProblemView::from(refusal), out)?;
    Ok(Outcome::Refused)
}

fn tell_problem(problem: &ProblemView, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {}", printable(&problem.place, 200))?;
    writeln!(out, "    what    {}", printable(&problem.what, 400))?;
    writeln!(out, "    remedy  {}", problem.remedy)
}

struct Report<'a> {
    out: &'a mut dyn Write,
    problems: ProblemList,
}

impl Report<'_> {
    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::StatementStart(header) => self.start(&header),
            Event::Entry(entry) => self.entry(&entry),
            Event::StatementEnd(end) => self.end(&end),
            Event::Problem { problem, .. } => {
                self.problems.add(&problem);
                Ok(())
            }
        }
    }

    fn start(&mut self, header: &StatementHeader) -> io::Result<()> {
        let or_none = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), |text| printable(text, 60));
        let account = Some(header.account.number.clone()).filter(|number| !number.is_empty());
        let currency = header
            .currency
            .map_or("unknown currency".to_owned(), |currency| currency.to_string());
        writeln!(
            self.out,
            "\nStatement {}: account {}, {currency}",
            header.index,
            or_none(&account)
        )?;
        write!(
            self.out,
            "  id {}, number {}",
            or_none(&header.id),
            or_none(&header.sequence_number)
        )?;
        if let (Some(from), Some(to)) = (&header.from, &header.to) {
            write!(self.out, ", {} to {}", from.on, to.on)?;
        }
        if header.copy.is_some() {
            write!(self.out, ", a copy or duplicate")?;
        }
        let kind = match header.kind {
            StatementKind::Final => "",
            StatementKind::Intraday => "\n  PROVISIONAL, within the day: shown, never booked by itself",
            StatementKind::Notification => {
                "\n  A NOTIFICATION: explains what the statement books, never booked by itself"
            }
            StatementKind::Collection => "\n  COLLECTED payments: the bank's statement tells the money too",
            StatementKind::Rejects => "\n  REJECTED before any money moved: nothing to book",
            StatementKind::Table => {
                "\n  A TABLE by a map: shown, booked only where the map says that it is a statement"
            }
        };
        write!(self.out, "{kind}")?;
        writeln!(self.out, "\n")?;
        writeln!(
            self.out,
            "  booked      value                 amount  status    counterparty, remittance, references"
        )
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let date = |date: Option<kernel::BusinessDate>| date.map_or("-".to_owned(), |date| date.to_string());
        let amount = entry.amount.map_or("?".to_owned(), |money| money.to_string());
        let party = entry.counterparty();
        let who = match (&party.name, &party.iban) {
            (Some(name), Some(iban)) => format!("{} ({})", printable(name, 40), printable(iban, 34)),
            (Some(text), None) | (None, Some(text)) => printable(text, 60),
            (None, None) => "-".to_owned(),
        };
        writeln!(
            self.out,
            "  {:<10}  {:<10}  {:>16}  {:<8}  {who}",
            date(entry.booked_on),
            date(entry.value_on),
            amount,
            entry.status.word()
        )?;
        if !entry.remittance.is_empty() {
            self.more(&printable(&entry.remittance, 160))?;
        }
        if !entry.references.is_empty() {
            let texts: Vec<&str> = entry
                .references
                .iter()
                .map(|reference| reference.text.as_str())
                .collect();
            self.more(&printable(&texts.join("  "), 240))?;
        }
        match entry.part {
            Part::Whole => {}
            Part::Detail { index, count } => self.more(&format!("detail {} of {count} of one entry", index + 1))?,
            Part::Batch { count: 0 } => self.more("a batch without its details")?,
            Part::Batch { count } => self.more(&format!("{count} details that do not add up to it: one total"))?,
        }
        if let Some(returned) = &entry.returned {
            self.returned(returned)?;
        }
        if entry.reversal {
            self.more("reversal of an earlier entry")
        } else {
            Ok(())
        }
    }

    fn returned(&mut self, returned: &Return) -> io::Result<()> {
        let told = |code: &String| match meaning(code) {
            Some(meaning) => format!("{} ({meaning})", printable(code, 35)),
            None => printable(code, 35),
        };
        let mut parts: Vec<String> = returned.reasons.iter().map(told).collect();
        if !returned.text.is_empty() {
            parts.push(printable(&returned.text, 160));
        }
        self.more(&format!("returned: {}", parts.join(", ")))
    }

    fn more(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{:54}{text}", "")
    }

    fn end(&mut self, end: &StatementEnd) -> io::Result<()> {
        if end.booked + end.pending + end.info == 0 {
            writeln!(self.out, "  no entries")?;
        }
        writeln!(self.out, "\n  Balance proof {}", word(end))?;
        let Some(currency) = end.header.currency else {
            return Ok(());
        };
        let line = |sign: &str, text: Option<String>, what: &str| {
            format!(
                "    {sign} {:>20} {currency}  {what}",
                text.unwrap_or("not stated".to_owned())
            )
        };
        let opening = end.proof.opening.map(|money| money.to_decimal_string());
        let closing = end.proof.closing.map(|money| money.to_decimal_string());
        let booked = format!("{} booked", plural(end.booked, "entry"));
        writeln!(self.out, "{}", line(" ", opening, "opening balance"))?;
        writeln!(
            self.out,
            "{}",
            line("+", Some(decimal(end.proof.booked_minor, currency)), &booked)
        )?;
        // The balances of a page may be those of the whole: then its own sum says nothing.
        if let Some(opening) = end.proof.opening.filter(|_| end.together.is_empty() && !end.undecided) {
            let sum = i128::from(opening.minor()).saturating_add(end.proof.booked_minor);
            writeln!(
                self.out,
                "{}",
                line("=", Some(decimal(sum, currency)), "must be the closing balance")
            )?;
        }
        writeln!(self.out, "{}", line(" ", closing, "closing balance"))?;
        for (count, status) in [(end.pending, Status::Pending), (end.info, Status::Info)] {
            if count > 0 {
                writeln!(
                    self.out,
                    "    {} more: {}, not in the proof, not booked",
                    plural(count, "entry"),
                    status.word()
                )?;
            }
        }
        if end.quarantined {
            writeln!(self.out, "  QUARANTINED: see the problems below")
        } else {
            Ok(())
        }
    }
}

fn word(end: &StatementEnd) -> String {
    match (end.proof.verdict, end.together.as_slice()) {
        (Verdict::Holds, [first, .., last]) => format!("holds over pages {first} to {last} together"),
        (Verdict::Holds, _) => "holds".to_owned(),
        (Verdict::Fails, _) => "FAILS".to_owned(),
        (Verdict::Absent, _) if end.undecided => "waits for the other pages of the statement".to_owned(),
        (Verdict::Absent, _) => "is absent: an opening or closing balance is missing".to_owned(),
    }
}

/// Foreign text for a terminal: without control characters, and cut.
fn printable(text: &str, most: usize) -> String {
    let clean = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut shown: String = text.chars().take(most).map(clean).collect();
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt><Stmt><Id>S-1</Id>\n\
        <Acct><Id><IBAN>RO49AAAA1B31007593840000</IBAN></Id><Ccy>RON</Ccy></Acct>\n\
        <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"RON\">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>\n\
        <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"RON\">15.50</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>\n\
        <Ntry><NtryRef>N\u{9b}1</NtryRef><Amt Ccy=\"RON\">10.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>\n\
        <NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Ana</Nm></Dbtr></RltdPties></TxDtls></NtryDtls></Ntry>\n\
        </Stmt></BkToCstmrStmt></Document>";

    fn inspected(content: &str, json: bool) -> (u8, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let mut out = Vec::new();
        let code = run(file.path(), &By::default(), json, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn for_people() {
        let (code, text) = inspected(GOOD, false);
        assert_eq!(code, 0);
        for part in [
            "camt.053.001.02, read as UTF-8",
            "Statement 1: account RO49AAAA1B31007593840000, RON",
            "10.50 RON  booked    Ana",
            "N 1",
            "Balance proof holds",
            "5.00 RON  opening balance",
            "10.50 RON  1 entry booked",
            "15.50 RON  closing balance",
            "1 statement, 1 entry: would be accepted",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains('\u{9b}'), "control characters never reach the terminal");

        let (code, text) = inspected(&GOOD.replace("15.50", "15.51"), false);
        assert_eq!(code, 1);
        assert!(text.contains("Balance proof FAILS"), "{text}");
        assert!(text.contains("1 statement would be QUARANTINED"), "{text}");

        let (code, text) = inspected(&GOOD.replace("</Document>", ""), false);
        assert_eq!(code, 2);
        assert!(text.starts_with("REFUSED (camt.053.001.02)\n  line 8"), "{text}");
    }

    #[test]
    fn for_programs() {
        let value = |content: &str| {
            let (code, text) = inspected(content, true);
            (code, serde_json::from_str::<serde_json::Value>(&text).unwrap())
        };
        let (code, found) = value(GOOD);
        assert_eq!((code, &found["format"]), (0, &serde_json::json!("camt.053.001.02")));
        assert_eq!(found["statements"][0]["entries"][0]["amount_minor"], 1050);
        assert_eq!(found["problems"], serde_json::json!([]));
        assert_eq!(value(&GOOD.replace("15.50", "15.51")).0, 1);
        let (code, found) = value("{}");
        assert_eq!((code, &found["statements"]), (2, &serde_json::json!([])));
        assert_eq!(
            found["problems"][0]["what"],
            "this is no bank file that Incasso reads: it looks like JSON"
        );
    }

    #[test]
    fn what_cannot_be_opened() {
        for json in [false, true] {
            let mut out = Vec::new();
            assert_eq!(
                run(Path::new("/nowhere/at/all"), &By::default(), json, &mut out).unwrap(),
                2
            );
            assert!(String::from_utf8(out).unwrap().contains("the file cannot be read"));
            assert_eq!(
                run(&std::env::temp_dir(), &By::default(), json, &mut Vec::new()).unwrap(),
                2
            );
        }
    }

    /// The reader of a pipe went away: an error of the output, not of the file.
    #[test]
    fn an_output_that_fails() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), GOOD).unwrap();
        for json in [false, true] {
            assert_eq!(
                run(file.path(), &By::default(), json, &mut Closed).unwrap_err().kind(),
                io::ErrorKind::BrokenPipe
            );
        }
    }
}
