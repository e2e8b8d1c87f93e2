//! Record headers: CloudEvents 1.0 in Kafka's binary mode (names `ce_…`, UTF-8 values), W3C trace context, and the
//! outbox id. The record's value is the event alone.

use kernel::{MessageId, Timestamp};

/// Version of the CloudEvents specification, always [`SPEC_VERSION`].
pub const CE_SPECVERSION: &str = "ce_specversion";
/// Id of the message: UUIDv5, the same again when a handler is run again.
pub const CE_ID: &str = "ce_id";
/// Name of the event's record: `InvoiceIssued`.
pub const CE_TYPE: &str = "ce_type";
/// The service that wrote it: `/incasso/billing`.
pub const CE_SOURCE: &str = "ce_source";
/// Message time: RFC 3339 in UTC with microseconds.
pub const CE_TIME: &str = "ce_time";
/// The record's key as text: the id of the account, creditor, debtor or payment; absent on a marker.
pub const CE_SUBJECT: &str = "ce_subject";
/// Always [`AVRO`].
pub const CONTENT_TYPE: &str = "content-type";
/// W3C trace context of what caused the message.
pub const TRACEPARENT: &str = "traceparent";
/// Outbox id of the record in its writer's database: per key it only rises over first occurrences.
pub const INCASSO_SEQ: &str = "incasso_seq";

/// Value of [`CE_SPECVERSION`].
pub const SPEC_VERSION: &str = "1.0";
/// Value of [`CONTENT_TYPE`]: Avro single-object encoding.
pub const AVRO: &str = "application/avro";

/// The headers of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// [`CE_ID`].
    pub id: MessageId,
    /// [`CE_TYPE`].
    pub event: String,
    /// [`CE_SOURCE`].
    pub source: String,
    /// [`CE_TIME`].
    pub time: Timestamp,
    /// [`CE_SUBJECT`].
    pub subject: Option<String>,
    /// [`TRACEPARENT`]; malformed ones are dropped on reading, as W3C demands.
    pub traceparent: Option<String>,
    /// [`INCASSO_SEQ`]; absent on records of other producers.
    pub seq: Option<i64>,
}

/// Why a record's headers cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadersError {
    /// A header that every message has is not there.
    #[error("header {0} is missing")]
    Missing(&'static str),
    /// A header is there more than once: it would be open which one counts.
    #[error("header {0} is there twice")]
    Twice(&'static str),
    /// A header's value is not of its form.
    #[error("header {0} is malformed")]
    Malformed(&'static str),
    /// Another major version of CloudEvents, or another content type.
    #[error("header {0} has a value that is not supported")]
    Unsupported(&'static str),
}

/// The source of a service's messages: `/incasso/billing`.
#[must_use]
pub fn source_of(service: &str) -> String {
    format!("/incasso/{service}")
}

impl Headers {
    /// Names and values to put on the record, in a fixed order.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            (CE_SPECVERSION, SPEC_VERSION.to_owned()),
            (CE_ID, self.id.to_string()),
            (CE_TYPE, self.event.clone()),
            (CE_SOURCE, self.source.clone()),
            (CE_TIME, self.time.to_string()),
            (CONTENT_TYPE, AVRO.to_owned()),
        ];
        let optional = [
            (CE_SUBJECT, self.subject.clone()),
            (TRACEPARENT, self.traceparent.clone()),
            (INCASSO_SEQ, self.seq.map(|seq| seq.to_string())),
        ];
        pairs.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        pairs
    }

    /// Reads a record's headers; unknown ones are left aside.
    ///
    /// # Errors
    /// [`HeadersError`] with the name of the first header at fault; the record is to be rejected.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> Result<Self, HeadersError> {
        const NAMES: [&str; 9] = [
            CE_SPECVERSION,
            CE_ID,
            CE_TYPE,
            CE_SOURCE,
            CE_TIME,
            CONTENT_TYPE,
            CE_SUBJECT,
            TRACEPARENT,
            INCASSO_SEQ,
        ];
        let mut found: [Option<&str>; 9] = [None; 9];
        for (name, value) in pairs {
            let Some((slot, name)) = found.iter_mut().zip(NAMES).find(|(_, known)| *known == name) else {
                continue;
            };
            let text = std::str::from_utf8(value.unwrap_or_default()).map_err(|_| HeadersError::Malformed(name))?;
            if slot.replace(text).is_some() {
                return Err(HeadersError::Twice(name));
            }
        }
        let [
            version,
            id,
            event,
            source,
            time,
            content_type,
            subject,
            traceparent,
            seq,
        ] = found;
        if required(version, CE_SPECVERSION)? != SPEC_VERSION {
            return Err(HeadersError::Unsupported(CE_SPECVERSION));
        }
        if content_type.is_some_and(|value| value != AVRO) {
            return Err(HeadersError::Unsupported(CONTENT_TYPE));
        }
        Ok(Self {
            id: required(id, CE_ID)?
                .parse()
                .map_err(|_| HeadersError::Malformed(CE_ID))?,
            event: required(event, CE_TYPE)?.to_owned(),
            source: required(source, CE_SOURCE)?.to_owned(),
            time: Timestamp::parse(required(time, CE_TIME)?).map_err(|_| HeadersError::Malformed(CE_TIME))?,
            subject: subject.map(str::to_owned),
            traceparent: traceparent.filter(|value| is_traceparent(value)).map(str::to_owned),
            seq: seq
                .map(str::parse)
                .transpose()
                .map_err(|_| HeadersError::Malformed(INCASSO_SEQ))?,
        })
    }
}

fn required<'a>(value: Option<&'a str>, name: &'static str) -> Result<&'a str, HeadersError> {
    value.filter(|text| !text.is_empty()).ok_or(HeadersError::Missing(name))
}

/// `version-trace id-parent id-flags` in lower-case hexadecimal digits, ids not all zero
/// (<https://www.w3.org/TR/trace-context/#traceparent-header>).
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else {
        return false;
    };
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    hex(version, 2)
        && *version != "ff"
        && hex(trace, 32)
        && !zero(trace)
        && hex(parent, 16)
        && !zero(parent)
        && hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Headers {
        Headers {
            id: MessageId::derive_text("a message"),
            event: "InvoiceIssued".to_owned(),
            source: source_of("billing"),
            time: Timestamp::parse("2026-01-31T15:00:00.000001Z").unwrap(),
            subject: Some("d290f1ee-6c54-4b01-90e6-d701748f0851".to_owned()),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            seq: Some(17),
        }
    }

    fn parse(pairs: &[(&str, &str)]) -> Result<Headers, HeadersError> {
        Headers::parse(pairs.iter().map(|(name, value)| (*name, Some(value.as_bytes()))))
    }

    #[test]
    fn what_is_written_is_read() {
        for headers in [
            headers(),
            Headers {
                subject: None,
                traceparent: None,
                seq: None,
                ..headers()
            },
        ] {
            let pairs = headers.pairs();
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(parse(&pairs), Ok(headers));
        }
    }

    #[test]
    fn time_is_rfc_3339_with_microseconds() {
        assert!(
            headers()
                .pairs()
                .contains(&(CE_TIME, "2026-01-31T15:00:00.000001Z".to_owned()))
        );
    }

    #[test]
    fn faults_are_named() {
        let good: Vec<_> = headers().pairs();
        for (name, value, fault) in [
            (CE_SPECVERSION, "0.3", HeadersError::Unsupported(CE_SPECVERSION)),
            (
                CONTENT_TYPE,
                "application/json",
                HeadersError::Unsupported(CONTENT_TYPE),
            ),
            (CE_ID, "17", HeadersError::Malformed(CE_ID)),
            (CE_TYPE, "", HeadersError::Missing(CE_TYPE)),
            (CE_TIME, "yesterday", HeadersError::Malformed(CE_TIME)),
            (INCASSO_SEQ, "1e3", HeadersError::Malformed(INCASSO_SEQ)),
        ] {
            let pairs: Vec<_> = good
                .iter()
                .map(|(known, old)| (*known, if *known == name { value } else { old }))
                .collect();
            assert_eq!(parse(&pairs), Err(fault), "{name}");
        }
        let twice: Vec<_> = good
            .iter()
            .chain(good.get(1))
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(parse(&twice), Err(HeadersError::Twice(CE_ID)));
        assert_eq!(parse(&[]), Err(HeadersError::Missing(CE_SPECVERSION)));
        assert_eq!(
            Headers::parse([(CE_ID, Some([0xff].as_slice()))]),
            Err(HeadersError::Malformed(CE_ID))
        );
    }

    #[test]
    fn foreign_headers_and_broken_traces_are_left_aside() {
        let written = headers().pairs();
        let mut pairs: Vec<_> = written.iter().map(|(name, value)| (*name, value.as_str())).collect();
        pairs.retain(|(name, _)| *name != TRACEPARENT);
        pairs.extend([
            ("x-other", "1"),
            ("x-other", "2"),
            (TRACEPARENT, "00-00000000000000000000000000000000-1-01"),
        ]);
        assert_eq!(
            parse(&pairs),
            Ok(Headers {
                traceparent: None,
                ..headers()
            })
        );
    }
}
