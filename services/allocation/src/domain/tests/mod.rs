//! An account's books in memory, as the store keeps them, and what the tests check on them.

mod invoices;
mod properties;
mod settling;

use std::collections::BTreeMap;

use contracts::{CreditNoteIssued, Evidence, Instalment, InvoiceCancelled, InvoiceIssued};
use kernel::{
    AccountId, BusinessDate, CreditNoteId, CreditorId, Currency, FundsId, InvoiceId, ItemId, Jurisdiction, PaymentId,
};
use uuid::Uuid;

use super::decide::{Decision, Situation, decide};
use super::fact::{Body, Change, Fact, InvoiceChanged, Received, Withdrawn};
use super::invoice::{Invoice, Refused};
use super::journal::{Ledger, lines};
use super::policy::Policy;
use super::position::{Lot, Net, Position};

fn creditor() -> CreditorId {
    CreditorId::derive("RO-ENERGY")
}

fn account() -> AccountId {
    AccountId::derive(creditor(), "C-1")
}

fn invoice_id(name: &str) -> InvoiceId {
    InvoiceId::derive(creditor(), name)
}

fn payment_id(name: &str) -> PaymentId {
    PaymentId::derive("test", name)
}

fn funds_id(name: &str) -> FundsId {
    FundsId::derive(payment_id(name), account(), 0)
}

fn on(text: &str) -> BusinessDate {
    BusinessDate::parse(text).unwrap()
}

fn january(day: u32) -> BusinessDate {
    BusinessDate::from_ymd(2026, 1, day).unwrap()
}

fn policy() -> Policy {
    toml::from_str(include_str!("../../../policies/default.toml")).unwrap()
}

/// An invoice message; each instalment is (due, amount).
fn issue(name: &str, version: i64, issued_on: BusinessDate, instalments: &[(BusinessDate, i64)]) -> InvoiceIssued {
    InvoiceIssued {
        invoice_id: invoice_id(name),
        account_id: account(),
        creditor_id: creditor(),
        external_id: name.to_owned(),
        number: name.to_owned(),
        version,
        issued_on,
        currency: Currency::RON,
        total_minor: instalments.iter().map(|(_, amount)| amount).sum(),
        instalments: (1..)
            .zip(instalments)
            .map(|(number, (due_on, amount_minor))| Instalment {
                number,
                due_on: *due_on,
                amount_minor: *amount_minor,
            })
            .collect(),
        lines: Vec::new(),
        interest: None,
        payment_references: Vec::new(),
        corrects: None,
        reason: None,
    }
}

fn cancel(name: &str, version: i64, cancelled_on: BusinessDate) -> InvoiceCancelled {
    let (invoice_id, account_id, creditor_id) = (invoice_id(name), account(), creditor());
    InvoiceCancelled {
        invoice_id,
        account_id,
        creditor_id,
        version,
        cancelled_on,
        reason: None,
    }
}

fn note(name: &str, number: &str, version: i64, issued_on: BusinessDate, amount_minor: i64) -> CreditNoteIssued {
    CreditNoteIssued {
        credit_note_id: CreditNoteId::derive(creditor(), number),
        invoice_id: invoice_id(name),
        account_id: account(),
        creditor_id: creditor(),
        external_id: number.to_owned(),
        number: number.to_owned(),
        version,
        issued_on,
        currency: Currency::RON,
        amount_minor,
        lines: Vec::new(),
        reason: None,
    }
}

/// A row of the allocations: of a closed day or not, funds, item, amount, rule.
type Kept = (bool, FundsId, ItemId, i64, String);

/// The tables of one account, and the facts of its open day.
#[derive(Clone, Default)]
struct Books {
    invoices: BTreeMap<InvoiceId, Invoice>,
    at: Position,
    names: BTreeMap<Uuid, String>,
    rows: Vec<Kept>,
    facts: Vec<Fact>,
    numbered: i64,
    ledger: BTreeMap<Ledger, i64>,
    credit_minor: i64,
}

impl Books {
    /// The body of an invoice's fact; the invoice's state moves on.
    fn invoice(
        &mut self,
        name: &str,
        change: Change,
        on: BusinessDate,
        after: Result<Option<Invoice>, Refused>,
    ) -> Body {
        let after = after.unwrap().expect("a newer version");
        self.names.insert(after.invoice_id.as_uuid(), name.to_owned());
        let before = self
            .invoices
            .insert(after.invoice_id, after.clone())
            .map(|known| known.terms)
            .unwrap_or_default();
        Body::Invoice(InvoiceChanged {
            invoice_id: after.invoice_id,
            change,
            on,
            before,
            after: after.terms,
        })
    }

    fn issue(&mut self, name: &str, issued: u32, instalments: &[(u32, i64)]) -> Body {
        let instalments: Vec<_> = instalments
            .iter()
            .map(|(due, amount)| (january(*due), *amount))
            .collect();
        let known = self.invoices.get(&invoice_id(name));
        let change = if known.is_some() {
            Change::Corrected
        } else {
            Change::Issued
        };
        let version = known.map_or(1, |known| known.version + 1);
        let after = Invoice::revised(known, &issue(name, version, january(issued), &instalments));
        self.invoice(name, change, january(issued), after)
    }

    fn cancel(&mut self, name: &str, day: u32) -> Body {
        let known = self.invoices.get(&invoice_id(name));
        let after = Invoice::cancelled(known, &cancel(name, known.unwrap().version + 1, january(day)));
        self.invoice(name, Change::Cancelled, january(day), after)
    }

    fn credit_note(&mut self, name: &str, number: &str, day: u32, amount: i64) -> Body {
        let after = Invoice::credited(
            self.invoices.get(&invoice_id(name)),
            &note(name, number, 1, january(day), amount),
        );
        self.invoice(name, Change::Credited, january(day), after)
    }

    fn funds(&mut self, name: &str, day: u32, amount_minor: i64, named: &[&str]) -> Body {
        self.names.insert(funds_id(name).as_uuid(), name.to_owned());
        let evidence = |invoice: &&str| Evidence {
            rule: "invoice_number".to_owned(),
            reference: (*invoice).to_owned(),
            invoice_id: Some(invoice_id(invoice)),
            strength: "exact".to_owned(),
        };
        Body::Funds(Received {
            funds_id: funds_id(name),
            payment_id: payment_id(name),
            amount_minor,
            value_on: january(day),
            named: named.iter().map(|name| invoice_id(name)).collect(),
            evidence: named.iter().map(evidence).collect(),
        })
    }

    fn withdraw(&mut self, name: &str, n: u32, day: u32, amount_minor: i64) -> Body {
        Body::Withdrawal(Withdrawn {
            withdrawal_id: FundsId::derive(payment_id(name), account(), n + 1).to_string(),
            funds_id: funds_id(name),
            amount_minor,
            value_on: january(day),
            reason: "reversal".to_owned(),
        })
    }

    fn situation(&self, new: Option<Fact>) -> Situation {
        let mut recorded = Net::new();
        for (_, funds, item, amount, _) in self.rows.iter().filter(|row| !row.0) {
            *recorded.entry((*funds, *item)).or_default() += amount;
        }
        let mut closed = Net::new();
        for (_, funds, item, amount, _) in self.rows.iter().filter(|row| row.0) {
            *closed.entry((*funds, *item)).or_default() += amount;
        }
        let lots = closed.into_iter().filter(|(_, amount)| *amount > 0);
        let pinned = lots
            .map(|((funds_id, item_id), amount_minor)| Lot {
                funds_id,
                item_id,
                amount_minor,
            })
            .collect();
        Situation {
            current: self.at.clone(),
            recorded,
            pinned,
            known: self.facts.clone(),
            new,
        }
    }

    fn arrive(&mut self, body: Body) -> Decision {
        self.numbered += 1;
        let fact = Fact {
            number: self.numbered,
            body,
        };
        let decision = decide(self.situation(Some(fact.clone())), &policy(), Jurisdiction::RO).unwrap();
        self.facts.push(fact);
        self.apply(&decision);
        self.check(&decision);
        decision
    }

    /// Ends the day: deciding it again must change nothing.
    fn close(&mut self) {
        let decision = decide(self.situation(None), &policy(), Jurisdiction::RO).unwrap();
        assert_eq!(
            (decision.rows.len(), decision.items.len(), decision.funds.len()),
            (0, 0, 0),
            "{decision:?}"
        );
        assert_eq!(decision.credit_minor, self.credit_minor);
        self.facts.clear();
        for row in &mut self.rows {
            row.0 = true;
        }
    }

    fn apply(&mut self, decision: &Decision) {
        for change in &decision.items {
            self.at.items.insert(change.after.terms.item_id, change.after.clone());
        }
        for change in &decision.funds {
            let mut after = change.after.clone();
            // The table does not keep what only explains.
            (after.named, after.evidence) = (Vec::new(), Vec::new());
            self.at.funds.insert(change.funds_id, after);
        }
        for row in &decision.rows {
            self.rows.push((
                false,
                row.funds_id,
                row.item_id,
                row.amount_minor,
                row.explanation.rule.clone(),
            ));
        }
        for line in lines(decision.moves, decision.allocated_minor).unwrap() {
            assert!(line.amount_minor > 0 && line.debit != line.credit);
            *self.ledger.entry(line.debit).or_default() += line.amount_minor;
            *self.ledger.entry(line.credit).or_default() -= line.amount_minor;
        }
        self.credit_minor = decision.credit_minor;
    }

    /// What must hold after every fact.
    fn check(&self, decision: &Decision) {
        for row in &decision.rows {
            assert_ne!(row.amount_minor, 0);
            assert_eq!(row.explanation.policy, policy().version);
            assert!(
                policy().rules.contains_key(&row.explanation.rule),
                "{}",
                row.explanation.rule
            );
            assert!(row.explanation.facts.iter().any(|fact| fact.name == "invoice"));
        }
        let sum = |of: &dyn Fn(&Kept) -> bool| -> i64 { self.rows.iter().filter(|row| of(row)).map(|row| row.3).sum() };
        for (id, item) in &self.at.items {
            assert!(
                (0..=item.terms.amount_minor()).contains(&item.settled_minor),
                "{item:?}"
            );
            assert_eq!(item.settled_minor, sum(&|row| row.2 == *id));
        }
        for (id, funds) in &self.at.funds {
            assert!(funds.credit_minor >= 0);
            assert_eq!(
                funds.assigned_minor - funds.withdrawn_minor,
                funds.credit_minor + sum(&|row| row.1 == *id)
            );
        }
        let credit: i64 = self.at.funds.values().map(|funds| funds.credit_minor).sum();
        let open: i64 = self.at.items.values().map(super::position::Item::open_minor).sum();
        assert!(credit == 0 || open == 0, "credit {credit} waits while {open} is open");
        assert_eq!(self.credit_minor, credit);
        let held = |ledger| self.ledger.get(&ledger).copied().unwrap_or(0);
        assert_eq!((held(Ledger::Items), held(Ledger::Credit)), (open, -credit));
        assert_eq!(self.ledger.values().sum::<i64>(), 0);
    }

    fn name(&self, id: Uuid) -> &str {
        self.names.get(&id).map_or("?", String::as_str)
    }

    fn item_name(&self, id: ItemId) -> String {
        let terms = &self.at.items[&id].terms;
        format!("{}/{}", self.name(terms.invoice_id.as_uuid()), terms.instalment)
    }

    /// Every pair of funds and item that holds money, every item that is open, all credit.
    fn render(&self) -> Vec<String> {
        let mut net: BTreeMap<(String, String), i64> = BTreeMap::new();
        for (_, funds, item, amount, _) in &self.rows {
            *net.entry((self.name(funds.as_uuid()).to_owned(), self.item_name(*item)))
                .or_default() += amount;
        }
        let paid = net.iter().filter(|(_, amount)| **amount != 0);
        let paid = paid.map(|((funds, item), amount)| format!("{funds} pays {item} {amount}"));
        let open = self.at.items.iter().filter(|(_, item)| item.open_minor() != 0);
        let open = open.map(|(id, item)| format!("{} open {}", self.item_name(*id), item.open_minor()));
        let credit = self.at.funds.iter().filter(|(_, funds)| funds.credit_minor != 0);
        let credit = credit.map(|(id, funds)| format!("{} credit {}", self.name(id.as_uuid()), funds.credit_minor));
        let mut lines: Vec<String> = paid.chain(open).chain(credit).collect();
        lines.sort();
        lines
    }

    /// The rules of a decision's rows with their amounts, in order.
    fn said(&self, decision: &Decision) -> Vec<String> {
        let row = |row: &super::decide::Row| {
            let (funds, item) = (self.name(row.funds_id.as_uuid()), self.item_name(row.item_id));
            format!("{funds} → {item} {} {}", row.amount_minor, row.explanation.rule)
        };
        decision.rows.iter().map(row).collect()
    }
}
