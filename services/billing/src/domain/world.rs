//! A snapshot of what a chunk of puts touches, and the decision of one put against it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use kernel::{AccountId, BusinessDate, CreditorId, Currency, DebtorId, InvoiceId, PlaceId};

use super::account::Account;
use super::debtor::Debtor;
use super::document::{Cancellation, CreditNote, Document, Invoice};
use super::event::{Event, Movement};
use super::findings::Findings;
use super::place::Place;
use super::references::References;
use super::upsert::{Content, Outcome, Refusal, Verdict, judge};

/// What all puts under a creditor share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The creditor.
    pub creditor_id: CreditorId,
    /// Today in its time zone: the date of endings that the ERP does not date.
    pub today: BusinessDate,
}

/// A thing's state and which version it is.
#[derive(Clone, PartialEq)]
pub struct Kept<T> {
    /// Version and digest.
    pub content: Content,
    /// The state.
    pub state: T,
}

/// What the ERP puts.
#[derive(Clone, PartialEq)]
pub enum Put {
    /// A debtor.
    Debtor(Debtor),
    /// A contract account.
    Account(Account),
    /// A consumption place.
    Place(Place),
    /// An invoice or credit note.
    Document(Document),
}

/// What an accepted put did.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// For the answer.
    pub outcome: Outcome,
    /// Whether the put's body or version is to be stored.
    pub stored: bool,
    /// In the order in which they leave.
    pub events: Vec<Event>,
    /// Changes of what invoices ask for.
    pub movements: Vec<Movement>,
}

impl Done {
    const fn settled(outcome: Outcome) -> Self {
        Self {
            outcome,
            stored: false,
            events: Vec::new(),
            movements: Vec::new(),
        }
    }

    fn stored(created: bool, events: Vec<Event>, movements: Vec<Movement>) -> Self {
        let outcome = if created { Outcome::Created } else { Outcome::Updated };
        Self {
            outcome,
            stored: true,
            events,
            movements,
        }
    }
}

/// The snapshot. What a put refers to and is not in it does not exist.
#[derive(Clone)]
pub struct World {
    /// What all puts share.
    pub terms: Terms,
    /// Debtors put in the chunk, and those whose event has to be said again.
    pub debtors: HashMap<DebtorId, Kept<Debtor>>,
    /// Debtors that exist.
    pub known_debtors: HashSet<DebtorId>,
    /// Where refunds go, per debtor and account.
    pub refunds: HashMap<DebtorId, BTreeMap<AccountId, String>>,
    /// Accounts put in the chunk.
    pub accounts: HashMap<AccountId, Kept<Account>>,
    /// Accounts that exist, with their currency.
    pub currencies: HashMap<AccountId, Currency>,
    /// Places put in the chunk.
    pub places: HashMap<PlaceId, Kept<Place>>,
    /// Invoices and credit notes put in the chunk, credited or replaced in it.
    pub documents: HashMap<InvoiceId, Kept<Document>>,
    /// The creditor's payment references.
    pub references: References,
    /// Invoices that were credited or replaced: their amounts are to be stored, not their body.
    pub touched: BTreeSet<InvoiceId>,
}

impl World {
    /// A snapshot in which nothing exists.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            debtors: HashMap::new(),
            known_debtors: HashSet::new(),
            refunds: HashMap::new(),
            accounts: HashMap::new(),
            currencies: HashMap::new(),
            places: HashMap::new(),
            documents: HashMap::new(),
            references: References::default(),
            touched: BTreeSet::new(),
        }
    }

    /// Decides a put and applies it; a refused one changes nothing.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn put(&mut self, put: Put, content: Content) -> Result<Done, Refusal> {
        match put {
            Put::Debtor(debtor) => self.put_debtor(debtor, content),
            Put::Account(account) => self.put_account(account, content),
            Put::Place(place) => self.put_place(place, content),
            Put::Document(document) => self.put_document(document, content),
        }
    }

    fn put_debtor(&mut self, debtor: Debtor, content: Content) -> Result<Done, Refusal> {
        let id = debtor.0.debtor_id;
        let stored = self.debtors.get_mut(&id);
        let verdict = judge(stored.as_ref().map(|stored| &stored.content), &content)?;
        let created = match (verdict, stored) {
            (Verdict::Settled(outcome), _) => return Ok(Done::settled(outcome)),
            (Verdict::Renumber, Some(stored)) => {
                stored.content = content;
                stored.state = debtor;
                return Ok(Done::stored(false, Vec::new(), Vec::new()));
            }
            (verdict, _) => verdict == Verdict::Create,
        };
        let mut findings = Findings::default();
        debtor.check(&mut findings);
        findings.into_result().map_err(Refusal::Invalid)?;
        let event = debtor.event(self.refunds.get(&id).unwrap_or(&BTreeMap::new()));
        self.known_debtors.insert(id);
        self.debtors.insert(id, Kept { content, state: debtor });
        Ok(Done::stored(created, vec![event], Vec::new()))
    }

    fn put_account(&mut self, account: Account, content: Content) -> Result<Done, Refusal> {
        let id = account.state.account_id;
        let stored = self.accounts.get_mut(&id);
        match (judge(stored.as_ref().map(|stored| &stored.content), &content)?, stored) {
            (Verdict::Settled(outcome), _) => return Ok(Done::settled(outcome)),
            (Verdict::Renumber, Some(stored)) => {
                stored.content = content;
                stored.state = account;
                return Ok(Done::stored(false, Vec::new(), Vec::new()));
            }
            _ => {}
        }
        let before = self.accounts.get(&id).map(|kept| kept.state.clone());
        let mut findings = Findings::default();
        account.check(&mut findings);
        for (pointer, debtor) in account.debtors() {
            let known = self.known_debtors.contains(&debtor);
            findings.require(known, pointer, "unknown-debtor", "no such debtor was sent");
        }
        if let Some(before) = &before {
            account.check_change(before, &mut findings);
        }
        let references = account.references();
        self.check_references(&references, id, &mut findings);
        findings.into_result().map_err(Refusal::Invalid)?;

        let mut events = account.events(before.as_ref(), self.terms.today);
        let old = before.as_ref().map(Account::references).unwrap_or_default();
        self.references.replace(id, &names(old), &names(references));
        events.extend(self.move_refund(before.as_ref(), &account));
        self.currencies.insert(id, account.state.currency);
        self.accounts.insert(
            id,
            Kept {
                content,
                state: account,
            },
        );
        Ok(Done::stored(before.is_none(), events, Vec::new()))
    }

    /// Where an account's refunds go is told with its debtor: the debtors concerned are said again.
    fn move_refund(&mut self, before: Option<&Account>, account: &Account) -> Vec<Event> {
        let id = account.state.account_id;
        let was = before.and_then(|before| Some((before.state.debtor_id, before.refund_account.clone()?)));
        let is = account
            .refund_account
            .clone()
            .map(|number| (account.state.debtor_id, number));
        if was == is {
            return Vec::new();
        }
        let mut debtors = BTreeSet::new();
        if let Some((debtor, _)) = was {
            self.refunds.entry(debtor).or_default().remove(&id);
            debtors.insert(debtor);
        }
        if let Some((debtor, number)) = is {
            self.refunds.entry(debtor).or_default().insert(id, number);
            debtors.insert(debtor);
        }
        let said = |debtor: DebtorId| Some(self.debtors.get(&debtor)?.state.event(self.refunds.get(&debtor)?));
        debtors.into_iter().filter_map(said).collect()
    }

    fn put_place(&mut self, place: Place, content: Content) -> Result<Done, Refusal> {
        let id = place.state.place_id;
        let stored = self.places.get_mut(&id);
        match (judge(stored.as_ref().map(|stored| &stored.content), &content)?, stored) {
            (Verdict::Settled(outcome), _) => return Ok(Done::settled(outcome)),
            (Verdict::Renumber, Some(stored)) => {
                stored.content = content;
                stored.state = place;
                return Ok(Done::stored(false, Vec::new(), Vec::new()));
            }
            _ => {}
        }
        let mut findings = Findings::default();
        place.check(&mut findings);
        let known = self.currencies.contains_key(&place.state.account_id);
        findings.require(known, "/account", "unknown-account", "no such account was sent");
        findings.into_result().map_err(Refusal::Invalid)?;
        let before = self.places.get(&id).map(|kept| &kept.state);
        let events = place.events(before, self.terms.today);
        let created = before.is_none();
        self.places.insert(id, Kept { content, state: place });
        Ok(Done::stored(created, events, Vec::new()))
    }

    fn put_document(&mut self, mut document: Document, content: Content) -> Result<Done, Refusal> {
        let id = document.id();
        let before = self.documents.get(&id).cloned();
        match (
            judge(before.as_ref().map(|before| &before.content), &content)?,
            before.as_ref(),
        ) {
            (Verdict::Settled(outcome), _) => return Ok(Done::settled(outcome)),
            (Verdict::Renumber, Some(before)) => {
                if let (Document::Invoice(invoice), Document::Invoice(before)) = (&mut document, &before.state) {
                    keep(invoice, before);
                }
                self.documents.insert(
                    id,
                    Kept {
                        content,
                        state: document,
                    },
                );
                return Ok(Done::stored(false, Vec::new(), Vec::new()));
            }
            _ => {}
        }
        let mut findings = Findings::default();
        document.check(&mut findings);
        match self.currencies.get(&document.account_id()) {
            None => findings.add("/account", "unknown-account", "no such account was sent"),
            Some(currency) => {
                let detail = format!("the account is in {currency}");
                findings.require(
                    *currency == document.currency(),
                    "/currency",
                    "account-currency",
                    detail,
                );
            }
        }
        match (document, before.map(|before| before.state)) {
            (Document::Invoice(invoice), None) => self.put_invoice(invoice, None, content, findings),
            (Document::Invoice(invoice), Some(Document::Invoice(before))) => {
                self.put_invoice(invoice, Some(&before), content, findings)
            }
            (Document::CreditNote(note), None) => self.put_credit_note(note, content, findings),
            (Document::CreditNote(_), Some(Document::CreditNote(_))) => {
                findings.add(
                    "",
                    "final",
                    "a credit note is final; an invoice for the amount takes it back",
                );
                Err(Refusal::Invalid(findings.into_errors()))
            }
            (Document::Invoice(_), Some(_)) | (Document::CreditNote(_), Some(_)) => {
                findings.add("/type", "fixed", "this external id was sent with the other type");
                Err(Refusal::Invalid(findings.into_errors()))
            }
        }
    }

    fn put_invoice(
        &mut self,
        mut invoice: Invoice,
        before: Option<&Invoice>,
        content: Content,
        mut findings: Findings,
    ) -> Result<Done, Refusal> {
        let id = invoice.state.invoice_id;
        let account = invoice.state.account_id;
        if let Some(before) = before {
            invoice.check_change(before, &mut findings);
        }
        let references = invoice.references();
        self.check_references(&references, account, &mut findings);
        let replaced = invoice
            .state
            .corrects
            .filter(|_| before.is_none_or(|before| before.state.corrects.is_none()));
        if let Some(replaced) = replaced {
            self.check_replaced(replaced, account, &mut findings);
        }
        findings.into_result().map_err(Refusal::Invalid)?;

        let (mut events, mut movements) = (Vec::new(), Vec::new());
        if let Some((event, movement)) = replaced.and_then(|replaced| self.replace(replaced, &invoice)) {
            events.push(event);
            movements.extend(movement);
        }
        if let Some(before) = before {
            keep(&mut invoice, before);
        }
        let effects = invoice.effects(before);
        events.extend(effects.0);
        movements.extend(effects.1);
        let old = before.map(Invoice::references).unwrap_or_default();
        self.references.replace(account, &names(old), &names(references));
        self.documents.insert(
            id,
            Kept {
                content,
                state: Document::Invoice(invoice),
            },
        );
        Ok(Done::stored(before.is_none(), events, movements))
    }

    fn check_replaced(&self, replaced: InvoiceId, account: AccountId, findings: &mut Findings) {
        match self.documents.get(&replaced).and_then(|kept| kept.state.as_invoice()) {
            None => findings.add("/corrects", "unknown-invoice", "no such invoice was sent"),
            Some(other) => {
                let same = other.state.account_id == account;
                findings.require(same, "/corrects", "other-account", "the invoice is another account's");
            }
        }
    }

    /// Voids the invoice that `by` replaces, unless it is void already.
    fn replace(&mut self, replaced: InvoiceId, by: &Invoice) -> Option<(Event, Option<Movement>)> {
        let kept = self.documents.get_mut(&replaced)?;
        let Document::Invoice(other) = &mut kept.state else {
            return None;
        };
        if other.cancelled.is_some() {
            return None;
        }
        self.touched.insert(replaced);
        Some(other.cancel(Cancellation {
            on: by.state.issued_on,
            reason: Some(format!("replaced by {}", by.state.number)),
            replaced_by: Some(by.state.invoice_id),
        }))
    }

    fn put_credit_note(&mut self, note: CreditNote, content: Content, mut findings: Findings) -> Result<Done, Refusal> {
        let credited = note.state.invoice_id;
        note.check_invoice(
            self.documents.get(&credited).and_then(|kept| kept.state.as_invoice()),
            &mut findings,
        );
        findings.into_result().map_err(Refusal::Invalid)?;
        if let Some(Kept {
            state: Document::Invoice(invoice),
            ..
        }) = self.documents.get_mut(&credited)
        {
            invoice.credited_minor = invoice.credited_minor.saturating_add(note.state.amount_minor);
            self.touched.insert(credited);
        }
        let (event, movement) = note.effects();
        self.documents.insert(
            note.document_id,
            Kept {
                content,
                state: Document::CreditNote(note),
            },
        );
        Ok(Done::stored(true, vec![event], vec![movement]))
    }

    fn check_references(&self, references: &[(String, String)], account: AccountId, findings: &mut Findings) {
        for (pointer, reference) in references {
            let some = !reference.is_empty();
            findings.require(
                some,
                pointer,
                "reference",
                "a reference needs at least one letter or digit",
            );
            let free = !self.references.is_of_another(reference, account);
            findings.require(
                free,
                pointer,
                "taken",
                "this reference leads to another account of the creditor already",
            );
        }
    }
}

/// What a new version of an invoice does not say itself.
fn keep(invoice: &mut Invoice, before: &Invoice) {
    invoice.credited_minor = before.credited_minor;
    if before.cancelled.is_some() {
        invoice.cancelled.clone_from(&before.cancelled);
    }
}

fn names(references: Vec<(String, String)>) -> BTreeSet<String> {
    references.into_iter().map(|(_, reference)| reference).collect()
}
