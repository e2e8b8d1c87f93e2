//! Stories that run through all services; `tests/journeys` has them.
