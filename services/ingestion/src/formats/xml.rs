//! A strict, bounded walk through an XML document by local names.
//!
//! What quick-xml leaves to its caller is done here: references are joined into the text around them (it reports
//! `a&amp;b` as three events), DOCTYPE and foreign entities are refused, depth, tokens and texts are bounded, and a
//! document that is cut off is refused. Several documents one after the other are walked as one: banks glue them.

use std::io::Read;

use quick_xml::XmlVersion;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::problem::{Place, ReadError, Refusal, RefusalReason};
use super::source::{Sniffed, Source, SourceFailure};

/// Deepest nesting of elements.
pub const MAX_DEPTH: usize = 128;
/// Longest text of one element in bytes; bank texts have at most 500 characters.
pub const MAX_TEXT: usize = 64 * 1024;
/// Most attributes of one element; camt has one, and namespaces.
const MAX_ATTRIBUTES: usize = 256;

/// One step of the walk.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// An element was opened: [`Walker::path`] ends with it.
    Open,
    /// An element is being closed: [`Walker::path`] still ends with it, [`Walker::text`] is its text if `leaf`.
    Close {
        /// It had no child elements.
        leaf: bool,
    },
    /// The document is over, complete.
    End,
}

/// Walks a document step by step.
pub(crate) struct Walker<R> {
    reader: quick_xml::Reader<Source<R>>,
    buffer: Vec<u8>,
    /// Local names joined by `/`, without one in front.
    path: String,
    /// Length of `path` before each open element.
    marks: Vec<usize>,
    text: String,
    text_too_long: bool,
    leaf: bool,
    /// Close the last element at the next step.
    closing: bool,
    currency: Option<String>,
    namespace: Option<String>,
    root_seen: bool,
    /// A declaration was met, and no element after it.
    root_due: bool,
    documents: u32,
    line: u64,
}

impl<R: Read> Walker<R> {
    pub(crate) fn new(input: R, sniffed: &Sniffed) -> Self {
        let mut reader = quick_xml::Reader::from_reader(Source::new(input, sniffed));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Self {
            reader,
            buffer: Vec::new(),
            path: String::new(),
            marks: Vec::new(),
            text: String::new(),
            text_too_long: false,
            leaf: false,
            closing: false,
            currency: None,
            namespace: None,
            root_seen: false,
            root_due: false,
            documents: 0,
            line: 1,
        }
    }

    /// Local names from the root to the current element, joined by `/`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Local name of the current element.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The text of the element that is being closed.
    pub(crate) fn text(&self) -> Result<&str, Refusal> {
        if self.text_too_long {
            Err(self.refusal(RefusalReason::TooLong(MAX_TEXT)))
        } else {
            Ok(&self.text)
        }
    }

    /// The `Ccy` attribute of the current element.
    pub(crate) fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// The last namespace of the document declared so far that speaks of camt.05x or pain.002.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Documents begun so far.
    pub(crate) fn documents(&self) -> u32 {
        self.documents
    }

    /// Line on which the current token begins.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of the file taken so far.
    pub(crate) fn taken(&mut self) -> u64 {
        self.reader.get_mut().taken()
    }

    /// The current place.
    pub(crate) fn place(&self) -> Place {
        Place {
            line: self.line,
            path: self.path.clone(),
        }
    }

    /// A refusal at the current place.
    pub(crate) fn refusal(&self, reason: RefusalReason) -> Refusal {
        Refusal {
            at: self.place(),
            reason,
            format: None,
        }
    }

    /// Whether the current element is proprietary data of the bank, which may be of any kind and length.
    pub(crate) fn in_supplement(&self) -> bool {
        self.path.ends_with("/SplmtryData")
    }

    /// Passes over the element that was just opened, with all that it holds.
    pub(crate) fn skip<E>(&mut self) -> Result<(), ReadError<E>> {
        let depth = self.marks.len();
        while !matches!(self.step()?, Step::Close { .. }) || self.marks.len() > depth {}
        Ok(())
    }

    /// Goes on by one step.
    pub(crate) fn step<E>(&mut self) -> Result<Step, ReadError<E>> {
        if self.closing {
            self.closing = false;
            self.path.truncate(self.marks.pop().unwrap_or_default());
            self.clear_text();
            self.leaf = false;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let step = loop {
            buffer.clear();
            match self.token(&mut buffer) {
                Ok(None) => {}
                Ok(Some(step)) => break Ok(step),
                Err(error) => break Err(error),
            }
        };
        self.buffer = buffer;
        step
    }

    fn clear_text(&mut self) {
        self.text.clear();
        self.text_too_long = false;
    }

    fn token<E>(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Step>, ReadError<E>> {
        let source = self.reader.get_mut();
        source.begin_token();
        self.line = source.line();
        let event = match self.reader.read_event_into(buffer) {
            Ok(event) => event,
            Err(error) => return Err(self.failed(error)),
        };
        match self.handle(event) {
            Ok(step) => Ok(step),
            Err(reason) => Err(ReadError::Refused(Box::new(self.refusal(reason)))),
        }
    }

    fn handle(&mut self, event: Event<'_>) -> Result<Option<Step>, RefusalReason> {
        match event {
            Event::Start(start) => self.open(&start).map(Some),
            // Empty elements come as Start and End: expand_empty_elements.
            Event::End(_) | Event::Empty(_) => {
                self.closing = true;
                Ok(Some(Step::Close { leaf: self.leaf }))
            }
            Event::Text(text) => self.add_text(&text, false),
            Event::CData(text) => self.add_text(&text, true),
            Event::GeneralRef(reference) => self.add_reference(&reference),
            // Blank lines before it, or another document before it: both are of banks.
            Event::Decl(_) if self.marks.is_empty() => {
                self.root_due = true;
                Ok(None)
            }
            Event::Decl(_) => Err(malformed("an XML declaration stands inside of an element")),
            Event::DocType(_) => Err(RefusalReason::Doctype),
            Event::Comment(_) | Event::PI(_) => Ok(None),
            Event::Eof if !self.marks.is_empty() => Err(RefusalReason::Truncated),
            Event::Eof if !self.root_seen => Err(RefusalReason::Empty),
            Event::Eof if self.root_due => Err(RefusalReason::Truncated),
            Event::Eof => Ok(Some(Step::End)),
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Step, RefusalReason> {
        if self.marks.is_empty() {
            self.root_due = false;
            self.documents = self.documents.saturating_add(1);
            self.namespace = None;
        }
        if self.marks.len() >= MAX_DEPTH {
            return Err(RefusalReason::TooDeep(MAX_DEPTH));
        }
        self.root_seen = true;
        let name = start.local_name();
        let name = name.as_ref();
        if name.len() > MAX_TEXT {
            return Err(RefusalReason::TooLong(MAX_TEXT));
        }
        if !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
            return Err(malformed("an element's name does not begin with a letter"));
        }
        self.marks.push(self.path.len());
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(name);
        self.clear_text();
        self.leaf = true;
        self.currency = None;
        if !start.attributes_raw().trim_ascii().is_empty() {
            self.attributes(start)?;
        }
        Ok(Step::Open)
    }

    /// All attributes are looked at, so that a malformed one is found; only `Ccy` and namespaces are kept.
    fn attributes(&mut self, start: &BytesStart<'_>) -> Result<(), RefusalReason> {
        for (count, attribute) in start.attributes().enumerate() {
            // Each is compared with all before it.
            if count >= MAX_ATTRIBUTES {
                return Err(malformed("an element has hundreds of attributes"));
            }
            let attribute = attribute.map_err(|error| malformed(&error.to_string()))?;
            if attribute.value.contains('<') {
                return Err(malformed("an attribute contains <"));
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| malformed("an attribute holds an entity or a character that is not defined"))?;
            let key = attribute.key.as_ref();
            if key == "Ccy" {
                self.currency = Some(short(&value, 16));
            } else if key.starts_with("xmlns") && (value.contains("camt.05") || value.contains("pain.002")) {
                self.namespace = Some(short(&value, 200));
            }
        }
        Ok(())
    }

    fn add_text(&mut self, text: &str, cdata: bool) -> Result<Option<Step>, RefusalReason> {
        if self.marks.is_empty() {
            // A byte order mark may stand before each of several documents.
            let blank = |letter: char| letter.is_ascii_whitespace() || letter == '\u{feff}';
            return match text.chars().all(blank) && !cdata {
                true => Ok(None),
                false => Err(malformed("there is text outside of the root element")),
            };
        }
        if self.text.len().saturating_add(text.len()) > MAX_TEXT {
            self.text_too_long = true;
            return Ok(None);
        }
        if self.reader.get_ref().carriage_returns() {
            // XML 1.0, 2.11: line ends become one line feed.
            self.text.push_str(&text.replace("\r\n", "\n").replace('\r', "\n"));
        } else {
            self.text.push_str(text);
        }
        Ok(None)
    }

    fn add_reference(&mut self, reference: &BytesRef<'_>) -> Result<Option<Step>, RefusalReason> {
        if self.marks.is_empty() {
            return Err(malformed("there is text outside of the root element"));
        }
        let unknown = || RefusalReason::Entity(reference.chars().take(40).collect());
        let character = reference.resolve_char_ref().map_err(|_| unknown())?;
        let mut place = [0_u8; 4];
        let text = match character {
            Some(character) => &*character.encode_utf8(&mut place),
            None => resolve_predefined_entity(reference).ok_or_else(unknown)?,
        };
        if let Some(forbidden) = text.chars().find(|letter| is_forbidden(*letter)) {
            return Err(RefusalReason::ForbiddenCharacter(u32::from(forbidden)));
        }
        if self.text.len() + text.len() > MAX_TEXT {
            self.text_too_long = true;
        } else {
            self.text.push_str(text);
        }
        Ok(None)
    }

    fn failed<E>(&mut self, error: Error) -> ReadError<E> {
        let line = self.line;
        let source = self.reader.get_mut();
        let (reason, line) = match source.take_failure() {
            Some(SourceFailure::Io(error)) => return ReadError::Io(error),
            Some(SourceFailure::Refused(
                reason @ (RefusalReason::BadEncoding(_) | RefusalReason::ForbiddenCharacter(_)),
            )) => {
                // Found ahead of the parser: the current path says nothing about it.
                let at = Place::on_line(source.line());
                return ReadError::Refused(Box::new(Refusal {
                    at,
                    reason,
                    format: None,
                }));
            }
            Some(SourceFailure::Refused(reason)) => (reason, line),
            None => (reason_of(error), line),
        };
        let at = Place {
            line,
            path: self.path.clone(),
        };
        ReadError::Refused(Box::new(Refusal {
            at,
            reason,
            format: None,
        }))
    }
}

/// What quick-xml's errors mean to the person who sent the file.
fn reason_of(error: Error) -> RefusalReason {
    match error {
        Error::Syntax(
            SyntaxError::UnclosedTag
            | SyntaxError::UnclosedComment
            | SyntaxError::UnclosedCData
            | SyntaxError::UnclosedXmlDecl
            | SyntaxError::UnclosedPI
            | SyntaxError::UnclosedSingleQuotedAttributeValue
            | SyntaxError::UnclosedDoubleQuotedAttributeValue,
        ) => RefusalReason::Truncated,
        Error::Syntax(SyntaxError::UnclosedDoctype) => RefusalReason::Doctype,
        Error::IllFormed(IllFormedError::UnclosedReference) => {
            malformed("an & does not begin an entity: it must be &amp;")
        }
        other => malformed(&other.to_string()),
    }
}

fn malformed(what: &str) -> RefusalReason {
    RefusalReason::Malformed(what.chars().take(200).collect())
}

fn short(text: &str, most: usize) -> String {
    let text = text.trim_ascii();
    if text.len() <= most {
        text.to_owned()
    } else {
        text.chars().take(most).collect()
    }
}

/// Control characters that XML 1.0 (2.2) excludes; U+FFFE and U+FFFF too.
fn is_forbidden(letter: char) -> bool {
    matches!(letter, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}
