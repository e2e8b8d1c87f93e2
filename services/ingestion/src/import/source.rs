//! Which source a stored file is of: the one that was named with it; else by its content, the same way at every reading.

use std::io::{Read, Seek};

use crate::config::Config;
use crate::formats::{self, Event, Place, ReadError, Refusal, RefusalReason, Settings};

/// How a file is to be read, or why that cannot be told.
pub type Choice = Result<Settings, Box<Refusal>>;

/// What ended a look at the beginning of a file.
enum Seen {
    Account(String),
    Refused(Box<Refusal>),
    Nothing,
}

/// Looks at the beginning of a file: of which account it is.
fn look(input: impl Read + Seek, settings: &Settings) -> std::io::Result<Seen> {
    let read = formats::read_with(input, settings, &mut |event| match event {
        Event::StatementStart(header) => Err(header.account.number),
        _ => Ok(()),
    });
    match read {
        Ok(_) => Ok(Seen::Nothing),
        Err(ReadError::Receiver(account)) => Ok(Seen::Account(account)),
        Err(ReadError::Refused(refusal)) => Ok(Seen::Refused(refusal)),
        Err(ReadError::Io(error)) => Err(error),
    }
}

/// The settings of the source that this file is of. `named` is the source that its sender named.
///
/// # Errors
/// Of the input.
pub fn choose(config: &Config, named: Option<&str>, mut input: impl Read + Seek) -> std::io::Result<Choice> {
    if let Some(name) = named {
        let Some(source) = config.source(name) else {
            return Ok(refused(
                format!("no source is configured under the name {name:?}"),
                "Name a source of [[ingestion.sources]], or none.",
            ));
        };
        return Ok(of(source));
    }
    let plain = Settings::default();
    if config.sources.is_empty() {
        return Ok(Ok(plain));
    }
    match look(&mut input, &plain)? {
        Seen::Account(account) => match config.sources.iter().find(|source| source.is_of(&account)) {
            Some(source) => Ok(of(source)),
            None => Ok(Ok(plain)),
        },
        Seen::Refused(refusal) if refusal.reason == RefusalReason::NoMap => by_map(config, input),
        Seen::Refused(_) | Seen::Nothing => Ok(Ok(plain)),
    }
}

/// A table is of the source whose map names its columns.
fn by_map(config: &Config, mut input: impl Read + Seek) -> std::io::Result<Choice> {
    let mut fitting = Vec::new();
    for source in config.sources.iter().filter(|source| source.map.is_some()) {
        let Ok(settings) = source.settings() else { continue };
        if matches!(look(&mut input, &settings)?, Seen::Account(_)) {
            fitting.push((source.name.as_str(), settings));
        }
    }
    let names: Vec<&str> = fitting.iter().map(|(name, _)| *name).collect();
    if names.len() > 1 {
        return Ok(refused(
            format!("the maps of several sources fit this table: {}", names.join(", ")),
            "Name the source: ?source=NAME with an upload, source = \"NAME\" for a folder.",
        ));
    }
    Ok(Ok(fitting.pop().map(|(_, settings)| settings).unwrap_or_default()))
}

fn of(source: &crate::config::Source) -> Choice {
    // Checked when the service started; a map's file may have been changed since.
    source.settings().or_else(|faults| {
        refused(
            format!(
                "the settings of the source {:?} are wrong: {}",
                source.name,
                faults.join("; ")
            ),
            "Correct the setting, then replay the file.",
        )
    })
}

fn refused(what: String, remedy: &'static str) -> Choice {
    Err(Box::new(Refusal {
        at: Place {
            line: 1,
            path: String::new(),
        },
        reason: RefusalReason::OfFormat { what, remedy },
        format: None,
    }))
}

/// `http`, or `http:NAME` where a source was named: the origin of a raw item.
#[must_use]
pub fn origin(way: &str, named: Option<&str>) -> String {
    named.map_or_else(|| way.to_owned(), |name| format!("{way}:{name}"))
}

/// The source that is named in an origin.
#[must_use]
pub fn named(origin: &str) -> Option<&str> {
    origin.split_once(':').map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn config(text: &str) -> Config {
        let config: Config = toml::from_str(text).unwrap();
        config.check().unwrap();
        config
    }

    const MAPS: &str = "[[sources]]\nname = \"one\"\naccount = \"1\"\n[sources.map]\ncurrency = \"RON\"\naccount = \"1\"\n\
        [sources.map.columns]\nbooked_on = \"Data\"\namount = \"Suma\"\n\
        [[sources]]\nname = \"two\"\naccount = \"2\"\nencoding = \"cp850\"\n[sources.map]\ncurrency = \"RON\"\naccount = \"2\"\n\
        [sources.map.columns]\nbooked_on = \"Date\"\namount = \"Suma\"\n\
        [[sources]]\nname = \"three\"\naccount = \"ES6000491500051234567892\"\nfile_end = \"optional\"\n";

    #[test]
    fn by_name_by_account_by_map() {
        let config = config(MAPS);
        let by = |named: Option<&str>, text: &str| choose(&config, named, Cursor::new(text.as_bytes())).unwrap();
        let map = |choice: Choice| choice.unwrap().map.map(|map| map.name.clone());
        assert_eq!(map(by(None, "Data;Suma\n")).as_deref(), Some("one"));
        assert_eq!(map(by(None, "Date;Suma\n2026-01-01;1\n")).as_deref(), Some("two"));
        assert_eq!(map(by(None, "Datum;Suma\n")), None);
        assert_eq!(map(by(Some("two"), "whatever")).as_deref(), Some("two"));
        assert!(
            by(Some("four"), "whatever")
                .unwrap_err()
                .to_string()
                .contains("\"four\"")
        );
        let account = "1100491500123456789226110126110220000000000000097813";
        let expected = crate::formats::FileEnd::Optional;
        assert_eq!(by(None, account).unwrap().records.file_end, expected);
        let same = MAPS.replace("\"Date\"", "\"Data\"");
        let both = choose(&super::tests::config(&same), None, Cursor::new(b"Data;Suma\n"))
            .unwrap()
            .unwrap_err();
        assert!(both.to_string().contains("one, two"), "{both}");
        assert_eq!((named("http"), named(&origin("http", Some("x")))), (None, Some("x")));
    }
}
