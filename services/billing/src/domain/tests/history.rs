//! Properties over random histories.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A random put: what, id, version (also the variant, so that a version always has the same content), amount.
#[derive(Clone, Debug)]
enum Step {
    Invoice {
        id: u8,
        account: bool,
        version: i64,
        total: i64,
        cancel: bool,
        corrects: Option<u8>,
    },
    Note {
        id: u8,
        invoice: u8,
        account: bool,
        amount: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let invoice = (
        0..4_u8,
        any::<bool>(),
        1..4_i64,
        1..200_i64,
        any::<bool>(),
        proptest::option::of(0..4_u8),
    )
        .prop_map(|(id, account, version, total, cancel, corrects)| Step::Invoice {
            id,
            account,
            version,
            total,
            cancel,
            corrects,
        });
    let note = (4..8_u8, 0..4_u8, any::<bool>(), 1..150_i64).prop_map(|(id, invoice, account, amount)| Step::Note {
        id,
        invoice,
        account,
        amount,
    });
    prop_oneof![2 => invoice, 1 => note]
}

fn apply(world: &mut World, step: &Step) -> Result<Done, Refusal> {
    let account = |first: bool| if first { "A" } else { "B" };
    match step {
        Step::Invoice {
            id,
            account: first,
            version,
            total,
            cancel,
            corrects,
        } => {
            let mut invoice = invoice(&id.to_string(), account(*first), *total);
            invoice.state.corrects = corrects.map(|id| InvoiceId::derive(creditor(), &id.to_string()));
            let invoice = if *cancel { cancelled(invoice) } else { invoice };
            let mut digest = [*id; 32];
            digest[1] = u8::try_from(*total).unwrap();
            digest[2] = u8::from(*first) * 2 + u8::from(*cancel);
            digest[3] = corrects.unwrap_or(99);
            world.put(
                invoice.into(),
                Content {
                    version: *version,
                    digest,
                },
            )
        }
        Step::Note {
            id,
            invoice,
            account: first,
            amount,
        } => {
            let mut digest = [*id; 32];
            digest[1] = u8::try_from(*amount).unwrap();
            digest[2] = invoice * 2 + u8::from(*first);
            world.put(
                note(&id.to_string(), &invoice.to_string(), account(*first), *amount).into(),
                Content { version: 1, digest },
            )
        }
    }
}

proptest! {
    /// Whatever the ERP sends: what the movements of an invoice sum to is what it asks for, and credit notes never exceed it.
    #[test]
    fn debt_is_conserved(steps in proptest::collection::vec(step(), 1..40)) {
        let mut world = populated();
        let mut sums: BTreeMap<InvoiceId, i64> = BTreeMap::new();
        for step in &steps {
            if let Ok(done) = apply(&mut world, step) {
                prop_assert!(done.stored || (done.events.is_empty() && done.movements.is_empty()));
                for movement in done.movements {
                    prop_assert!(movement.amount_minor != 0);
                    *sums.entry(movement.invoice_id).or_default() += movement.amount_minor;
                }
            }
        }
        for (id, kept) in &world.documents {
            if let Some(invoice) = kept.state.as_invoice() {
                prop_assert_eq!(sums.get(id).copied().unwrap_or(0), invoice.asked_minor());
                prop_assert!((0..=invoice.state.total_minor).contains(&invoice.credited_minor));
            }
        }
    }

    /// Everything that was accepted can be sent again, in any order: nothing happens.
    #[test]
    fn what_was_accepted_says_nothing_again(steps in proptest::collection::vec(step(), 1..30), seed in any::<usize>()) {
        let mut world = populated();
        let mut accepted: Vec<Step> = steps.into_iter().filter(|step| apply(&mut world, step).is_ok()).collect();
        let middle = seed % (accepted.len() + 1);
        accepted.rotate_left(middle);
        for step in &accepted {
            let done = apply(&mut world, step).unwrap();
            prop_assert!(matches!(done.outcome, Outcome::Unchanged | Outcome::Superseded));
            prop_assert!(!done.stored && done.events.is_empty() && done.movements.is_empty());
        }
    }
}
