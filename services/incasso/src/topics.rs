//! `incasso topics`: the catalogue, for people and as JSON.

use std::io::{self, Write};

use contracts::catalogue::{self, Topic};
use serde_json::{Value, json};

/// Writes the catalogue to `out`.
///
/// # Errors
/// Those of `out`.
pub fn run(json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let topics: Vec<Value> = catalogue::ALL.iter().map(|topic| described(topic)).collect();
        serde_json::to_writer_pretty(&mut *out, &json!({ "topics": topics }))?;
        return writeln!(out);
    }
    for topic in catalogue::ALL {
        tell(topic, out)?;
    }
    writeln!(
        out,
        "\nA day waits for the topics marked \"waited for\"; \"feedback\" is read at once. Bytes: Avro single-object encoding;"
    )?;
    writeln!(
        out,
        "the schemas lie in schemas/, one file per event. Dead letters: <topic>.<consumer>.dlq."
    )
}

fn described(topic: &Topic) -> Value {
    json!({
        "name": topic.name,
        "writer": topic.writer,
        "waited_by": topic.waited_by,
        "read_by": topic.read_by,
        "key": topic.key,
        "compacted": topic.compacted,
        "personal": topic.personal,
        "retention_days": topic.retention_days,
        "markers": topic.markers,
        "events": topic.events,
        "max_bytes": topic.max_bytes,
    })
}

fn tell(topic: &Topic, out: &mut dyn Write) -> io::Result<()> {
    let mut traits = vec![format!("key {}", topic.key)];
    if topic.compacted {
        traits.push("compacted".to_owned());
    }
    if let Some(days) = topic.retention_days {
        traits.push(format!("kept {days} days"));
    }
    if topic.personal {
        traits.push("personal data".to_owned());
    }
    writeln!(out, "{:<26} by {:<11} {}", topic.name, topic.writer, traits.join(", "))?;
    if !topic.waited_by.is_empty() {
        writeln!(out, "    waited for by {}", topic.waited_by.join(", "))?;
    }
    if !topic.read_by.is_empty() {
        writeln!(out, "    feedback to {}", topic.read_by.join(", "))?;
    }
    writeln!(out, "    {}", topic.events.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_told_in_both_ways() {
        let told = |json| {
            let mut out = Vec::new();
            run(json, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let json: Value = serde_json::from_str(&told(true)).unwrap();
        assert_eq!(json["topics"].as_array().unwrap().len(), catalogue::ALL.len());
        let text = told(false);
        assert!(catalogue::ALL.iter().all(|topic| text.contains(topic.name)));
    }
}
