//! The table of topics agrees with schemas and with itself.

use std::collections::BTreeSet;

use contracts::catalogue::{ALL, close_order, dlq, inputs, of, outputs, services};
use contracts::schemas::EVENTS;

/// Events that a service says on its own topic, whichever it is.
const SHARED: [&str; 7] = [
    "DayClosed",
    "AccountImpeded",
    "AccountFreed",
    "TaskRaised",
    "TaskClosed",
    "DayCertified",
    "JournalPosted",
];

#[test]
fn events_of_topics_are_the_events_of_schemas() {
    let listed: BTreeSet<&str> = ALL.iter().flat_map(|topic| topic.events.iter().copied()).collect();
    let known: BTreeSet<&str> = EVENTS.iter().map(|event| event.name).collect();
    assert_eq!(listed, known);
}

/// A topic is in the table once, and the table has one writer for it; an event is on one topic, but for those that each
/// service says on its own.
#[test]
fn one_writer_per_topic_and_one_topic_per_event() {
    let names: BTreeSet<&str> = ALL.iter().map(|topic| topic.name).collect();
    assert_eq!(names.len(), ALL.len());
    for event in EVENTS
        .iter()
        .map(|event| event.name)
        .filter(|event| !SHARED.contains(event))
    {
        let topics: Vec<_> = ALL
            .iter()
            .filter(|topic| topic.events.contains(&event))
            .map(|topic| topic.name)
            .collect();
        assert_eq!(topics.len(), 1, "{event}: {topics:?}");
    }
}

#[test]
fn names_are_lower_case_with_dots_and_a_version() {
    for topic in ALL {
        let name = topic.name;
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'.' || byte.is_ascii_digit()),
            "{name}"
        );
        assert!(name.ends_with(".v1"), "{name}");
        assert!(!topic.events.is_empty(), "{name}");
    }
}

#[test]
fn waited_for_inputs_have_no_cycle() {
    assert_eq!(close_order().unwrap().len(), services().len());
}

/// A reader can only wait for a topic that carries markers; a compacted topic would lose them.
#[test]
fn what_is_waited_for_has_markers() {
    for topic in ALL {
        assert!(topic.waited_by.is_empty() || topic.markers, "{}", topic.name);
        assert!(!(topic.markers && topic.compacted), "{}", topic.name);
        assert_eq!(topic.markers, topic.events.contains(&"DayClosed"), "{}", topic.name);
        for reader in topic.waited_by {
            assert!(
                !topic.read_by.contains(reader) && *reader != topic.writer,
                "{}",
                topic.name
            );
        }
    }
}

#[test]
fn services_see_their_inputs_and_outputs() {
    let names = |service| {
        inputs(service)
            .map(|input| (input.topic.name, input.waited))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("billing"), []);
    assert_eq!(
        names("allocation"),
        [
            ("creditors.creditor.v1", false),
            ("accounts.account.v1", true),
            ("billing.invoice.v1", true),
            ("payments.funds.v1", true),
        ]
    );
    assert_eq!(outputs("ingestion").count(), 6);
    assert!(of("payments.funds.v1").is_some_and(|topic| topic.key == "account"));
    assert!(of("payments.funds.v2").is_none());
    assert_eq!(
        dlq("payments.funds.v1", "allocation"),
        "payments.funds.v1.allocation.dlq"
    );
}
