//! The graph of waited-for inputs: a day closes along it, so it must have no cycle.

use super::ALL;

/// Services that wait for each other's markers: no day would ever close.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these services wait for each other: {}", .0.join(", "))]
pub struct Cycle(pub Vec<&'static str>);

/// Who waits for whom: pairs of writer and reader, each once, sorted.
#[must_use]
pub fn graph() -> Vec<(&'static str, &'static str)> {
    let mut edges: Vec<_> = ALL
        .iter()
        .flat_map(|topic| topic.waited_by.iter().map(|reader| (topic.writer, *reader)))
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Services in an order in which a day can close; among equals the table's order.
///
/// # Errors
/// [`Cycle`] with the services that are on a cycle or behind one.
pub fn close_order() -> Result<Vec<&'static str>, Cycle> {
    order(super::services(), &graph())
}

fn order(services: Vec<&'static str>, edges: &[(&'static str, &'static str)]) -> Result<Vec<&'static str>, Cycle> {
    let mut waiting = services;
    let mut closed = Vec::with_capacity(waiting.len());
    loop {
        let ready = waiting.iter().position(|service| {
            !edges
                .iter()
                .any(|(writer, reader)| reader == service && !closed.contains(writer))
        });
        match ready {
            Some(at) => closed.push(waiting.remove(at)),
            None if waiting.is_empty() => return Ok(closed),
            None => return Err(Cycle(waiting)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_closes_along_the_money() {
        assert_eq!(close_order(), Ok(vec!["billing", "ingestion", "allocation"]));
        assert_eq!(
            graph(),
            [
                ("billing", "allocation"),
                ("billing", "ingestion"),
                ("ingestion", "allocation")
            ]
        );
    }

    #[test]
    fn a_cycle_is_found() {
        let edges = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")];
        assert_eq!(order(vec!["a", "b", "c", "d"], &edges), Err(Cycle(vec!["b", "c", "d"])));
        assert_eq!(order(vec!["a"], &[("a", "a")]), Err(Cycle(vec!["a"])));
    }
}
