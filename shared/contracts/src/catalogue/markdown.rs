//! The map of services and topics as Markdown, for the README; a test compares the two.

use std::fmt::Write as _;

use super::{ALL, Topic, services};

type Readers = fn(&Topic) -> &'static [&'static str];

/// A mermaid diagram of services and the topics between them, and the table of topics. Ends with a line feed.
///
/// Solid arrows are waited for when a day closes, dotted ones are feedback.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from("```mermaid\nflowchart LR\n");
    for service in services() {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "  {service}([{service}])");
    }
    let ways: [(&str, Readers); 2] = [("-->", |topic| topic.waited_by), ("-.->", |topic| topic.read_by)];
    for (arrow, readers) in ways {
        for writer in services() {
            for reader in services() {
                let topics: Vec<_> = ALL
                    .iter()
                    .filter(|topic| topic.writer == writer && readers(topic).contains(&reader))
                    .map(|topic| topic.name)
                    .collect();
                if !topics.is_empty() {
                    let _ = writeln!(out, "  {writer} {arrow}|\"{}\"| {reader}", topics.join("<br>"));
                }
            }
        }
    }
    for writer in services() {
        let for_you = |topic: &Topic| topic.writer == writer && topic.waited_by.is_empty() && topic.read_by.is_empty();
        let topics: Vec<_> = ALL
            .iter()
            .filter(|topic| for_you(topic))
            .map(|topic| topic.name)
            .collect();
        if !topics.is_empty() {
            let _ = writeln!(out, "  {writer} --- {writer}_for_you[/\"{}\"/]", topics.join("<br>"));
        }
    }
    out.push_str("```\n\nSolid arrows: the reader's day waits for the writer's. Dotted: read at once. Without arrow: for you.\n\n");
    out.push_str(
        "| topic | writer | key | waited for by | feedback to | kept | events |\n|---|---|---|---|---|---|---|\n",
    );
    for topic in ALL {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} |",
            topic.name,
            topic.writer,
            topic.key,
            or_dash(topic.waited_by),
            or_dash(topic.read_by),
            kept(topic),
            topic.events.join(", "),
        );
    }
    out
}

fn or_dash(services: &[&str]) -> String {
    if services.is_empty() {
        "–".to_owned()
    } else {
        services.join(", ")
    }
}

fn kept(topic: &Topic) -> String {
    let kept = match topic.retention_days {
        _ if topic.compacted => "last per key".to_owned(),
        Some(days) => format!("{days} days"),
        None => "for good".to_owned(),
    };
    if topic.personal {
        format!("{kept}, personal data")
    } else {
        kept
    }
}
