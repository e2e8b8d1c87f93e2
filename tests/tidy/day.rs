//! The day closes along a graph without cycles, and every service of the catalogue exists.

use contracts::catalogue;

use crate::finding::{Finding, at_lines, none};
use crate::tree::services;

const TABLE: &str = "shared/contracts/src/catalogue/table.rs";

/// Services that can never close a day because they wait for each other.
fn cycles(services: &[&str], edges: &[(&str, &str)]) -> Vec<Finding> {
    let mut waiting = services.to_vec();
    loop {
        let before = waiting.len();
        let open = waiting.clone();
        waiting.retain(|service| {
            edges
                .iter()
                .any(|(writer, reader)| reader == service && open.contains(writer))
        });
        if waiting.len() == before {
            break;
        }
    }
    let remedy = "read one of the topics as feedback (read_by instead of waited_by)";
    let cyclic = waiting
        .iter()
        .map(|service| Finding::new(TABLE, 1, format!("{service} waits for itself, through others"), remedy));
    cyclic.collect()
}

/// Services of the catalogue without a crate, and the reverse.
fn strangers(catalogue: &[&str], folders: &[&str]) -> Vec<Finding> {
    let homeless = catalogue.iter().filter(|service| !folders.contains(service));
    let unnamed = folders
        .iter()
        .filter(|folder| **folder != "incasso" && !catalogue.contains(folder));
    let remedy = "the catalogue and the folders in services/ name the same services";
    homeless
        .chain(unnamed)
        .map(|service| Finding::new(TABLE, 1, format!("{service} is in one place only"), remedy))
        .collect()
}

#[test]
fn the_graph_has_no_cycle() {
    none(&cycles(&catalogue::services(), &catalogue::graph()));
    assert_eq!(
        catalogue::close_order().map(|order| order.len()),
        Ok(catalogue::services().len())
    );
}

#[test]
fn the_catalogue_names_the_services() {
    none(&strangers(&catalogue::services(), &services()));
}

#[test]
fn cycles_and_strangers_are_found() {
    at_lines(
        &cycles(&["a", "b", "c"], &[("a", "b"), ("b", "c"), ("c", "b")]),
        &[1, 1],
    );
    assert_eq!(cycles(&["a", "b", "c"], &[("a", "b"), ("b", "c"), ("a", "c")]), []);
    at_lines(&strangers(&["a", "b"], &["a", "c", "incasso"]), &[1, 1]);
}
