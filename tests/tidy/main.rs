//! What clippy cannot see, checked over the whole tree (DESIGN 2, 6 and 7).
//!
//! Each rule is a function from files to findings; a finding says where, what, and what to do instead. Beside the test that
//! the tree keeps the rule stands one that a bad sample breaks it.

mod clocks;
mod crates;
mod day;
mod domain;
mod finding;
mod floats;
mod leftovers;
mod rooms;
mod schemas;
mod sizes;
mod sql;
mod tokens;
mod tree;
