//! Log lines and the trace that a message carries.
//!
//! No names, IBANs, tax ids or contact points in any line: ids, counts and rules only. Errors are logged once, at the loop
//! or the door that handles them. Lines go to standard error, so that a command's answer on standard output stays clean.

mod trace;

use std::sync::OnceLock;

use tracing::{Span, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

pub use trace::{TraceContext, TraceParentError, current, with_trace};

use crate::config::{LogConfig, LogFormat};

static STARTED: OnceLock<()> = OnceLock::new();

/// Starts logging, once in a process: later calls do nothing, so that services that share a process need not agree who
/// calls. Panics are logged too, by place, without what their text might quote.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)?;
    STARTED.get_or_init(|| {
        // Somebody else's subscriber (a test's) may be there already: theirs stays.
        let _ = lines(config.format, filter, std::io::stderr).try_init();
        log_panics();
    });
    Ok(())
}

/// Writes each event as one line to `out`.
fn lines<W>(format: LogFormat, filter: EnvFilter, out: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(out);
    match format {
        LogFormat::Json => Box::new(
            lines
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .finish(),
        ),
        LogFormat::Text => Box::new(lines.compact().finish()),
    }
}

fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let place = info
            .location()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string);
        // A formatted text may quote data; a literal one cannot.
        let text = info
            .payload()
            .downcast_ref::<&'static str>()
            .copied()
            .unwrap_or("(text withheld)");
        tracing::error!(place, text, "panic");
        if cfg!(debug_assertions) {
            before(info);
        }
    }));
}

/// The span in which one message, or a batch that begins with it, is handled.
pub fn message_span(topic: &str, partition: u32, offset: i64, message_id: impl std::fmt::Display) -> Span {
    tracing::info_span!("message", topic, partition, offset, id = %message_id)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_json_object_with_its_message() {
        let paper = Paper::default();
        let out = paper.clone();
        let subscriber = lines(LogFormat::Json, EnvFilter::new("info"), move || out.clone());
        tracing::subscriber::with_default(subscriber, || {
            message_span("billing.invoice.v1", 3, 42, "m-1")
                .in_scope(|| tracing::warn!(rule = "currency-mismatch", "rejected"));
            tracing::debug!("not shown");
        });
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let mut line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        line.as_object_mut().unwrap().remove("timestamp").unwrap();
        let expected = serde_json::json!({
            "level": "WARN", "message": "rejected", "rule": "currency-mismatch", "target": module_path!(),
            "span": {"name": "message", "topic": "billing.invoice.v1", "partition": 3, "offset": 42, "id": "m-1"},
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn starting_twice_is_once_and_a_wrong_filter_is_said() {
        let config = LogConfig {
            format: LogFormat::Text,
            filter: "warn".to_owned(),
        };
        init(&config).unwrap();
        init(&config).unwrap();
        assert!(
            init(&LogConfig {
                filter: "=,=".to_owned(),
                ..config
            })
            .is_err()
        );
    }
}
