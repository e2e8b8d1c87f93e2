//! Keys of records are what the catalogue says.

use contracts::catalogue::ALL;
use contracts::{DayCertified, DayClosed, Message, MessageKey, TaskClosed, TaskRaised, codec, every_event};

use crate::released::newest_bytes;

/// Key of an event's golden message, and its JSON.
fn key_of(name: &str) -> (MessageKey, serde_json::Value) {
    let bytes = newest_bytes(name);
    let (_, json) = codec::to_json(&bytes).unwrap();
    macro_rules! key {
        ($($event:ident),*) => {
            match name {
                $(stringify!($event) => codec::decode::<contracts::$event>(&bytes).unwrap().key(),)*
                other => panic!("{other}"),
            }
        };
    }
    (every_event!(key), json)
}

#[test]
fn the_key_is_the_field_that_the_catalogue_names() {
    for topic in ALL {
        for event in topic
            .events
            .iter()
            .filter(|event| !["DayClosed", "DayCertified"].contains(event))
        {
            let (key, json) = key_of(event);
            assert_eq!(
                json[format!("{}_id", topic.key)],
                key.text(),
                "{event} on {}",
                topic.name
            );
            assert_eq!(MessageKey::parse(key.text().as_bytes()), Some(key));
        }
    }
}

#[test]
fn a_task_without_account_lies_where_its_end_lies() {
    let raised: TaskRaised = codec::decode(&newest_bytes("TaskRaised")).unwrap();
    let closed: TaskClosed = codec::decode(&newest_bytes("TaskClosed")).unwrap();
    let raised = TaskRaised {
        account_id: None,
        ..raised
    };
    let closed = TaskClosed {
        account_id: None,
        task_id: raised.task_id,
        ..closed
    };
    assert_eq!(raised.key(), MessageKey::from(raised.task_id));
    assert_eq!(raised.key(), closed.key());
}

#[test]
fn a_calendar_has_one_key_and_a_marker_none() {
    let certificate: DayCertified = codec::decode(&newest_bytes("DayCertified")).unwrap();
    // In Python: uuid.uuid5(NAMESPACE, "8:calendar,25:RO@17:00@Europe/Bucharest,").
    assert_eq!(certificate.key().text(), "fab1d2ef-8a9f-5443-8a1e-d9fe8cef967b");
    let marker: DayClosed = codec::decode(&newest_bytes("DayClosed")).unwrap();
    assert_eq!(marker.key(), MessageKey::NIL);
}

#[test]
fn what_is_no_key() {
    for bytes in [
        &b"day"[..],
        b"",
        b"{d290f1ee-6c54-4b01-90e6-d701748f0851}",
        b"d290f1ee6c544b0190e6d701748f0851",
    ] {
        assert_eq!(MessageKey::parse(bytes), None, "{bytes:?}");
    }
}
