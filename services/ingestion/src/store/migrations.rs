//! The tables, in the order in which they came. What has run is never changed.

use runtime::Migration;

/// All migrations of this service.
pub const ALL: &[Migration] = &[
    Migration {
        version: 1,
        name: "registry",
        sql: include_str!("../../migrations/0001_registry.sql"),
    },
    Migration {
        version: 2,
        name: "raw",
        sql: include_str!("../../migrations/0002_raw.sql"),
    },
    Migration {
        version: 3,
        name: "money",
        sql: include_str!("../../migrations/0003_money.sql"),
    },
    Migration {
        version: 4,
        name: "pages",
        sql: include_str!("../../migrations/0004_pages.sql"),
    },
    Migration {
        version: 5,
        name: "tasks",
        sql: include_str!("../../migrations/0005_tasks.sql"),
    },
    Migration {
        version: 6,
        name: "sightings",
        sql: include_str!("../../migrations/0006_sightings.sql"),
    },
    Migration {
        version: 10,
        name: "sftp",
        sql: include_str!("../../migrations/0010_sftp.sql"),
    },
    Migration {
        version: 11,
        name: "feeds",
        sql: include_str!("../../migrations/0011_feeds.sql"),
    },
    Migration {
        version: 20,
        name: "confirmations",
        sql: include_str!("../../migrations/0020_confirmations.sql"),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_in_the_list_and_in_order() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
        let files: BTreeSet<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let listed = super::ALL
            .iter()
            .map(|one| format!("{:04}_{}.sql", one.version, one.name));
        assert_eq!(listed.collect::<BTreeSet<_>>(), files);
        assert!(super::ALL.is_sorted_by_key(|one| one.version));
    }
}
