//! What a PayU LatAm confirmation says (`application/x-www-form-urlencoded`, one per attempt and final state).
//!
//! <https://developers.payulatam.com/latam/en/docs/integrations/webcheckout-integration/confirmation-page.html>

use kernel::{BusinessDate, Currency, Money};

use super::tokens::normalise;

/// Characters of an id of PayU's.
const ID_MAX: usize = 255;

/// Characters of any other text of it.
const TEXT_MAX: usize = 4_000;

/// Whether one of these texts suggests that money came by PayU, whatever else it says.
#[must_use]
pub fn hinted<'a>(texts: impl IntoIterator<Item = &'a str>) -> bool {
    texts.into_iter().any(|text| normalise(text).contains("PAYU"))
}

/// The fields that count; all others are kept in the raw bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Confirmation {
    /// The merchant at PayU.
    pub merchant_id: String,
    /// `4`, `5`, `6`.
    pub state_pol: String,
    /// Our reference, unique per sale.
    pub reference_sale: String,
    /// PayU's order.
    pub reference_pol: String,
    /// PayU's transaction: one per attempt.
    pub transaction_id: String,
    /// The signature, hexadecimal.
    pub sign: String,
    /// Amount as text, two decimals.
    pub value: String,
    /// ISO 4217.
    pub currency: String,
    /// `YYYY-MM-DD HH:MM:SS`, no zone. (The field `date` has a 12-hour clock without am or pm and is not read.)
    pub transaction_date: String,
    /// `1` for a test.
    pub test: String,
    /// `response_message_pol`, such as `INSUFFICIENT_FUNDS`.
    pub response: String,
    /// The merchant's own fields, where references may stand too.
    pub extras: Vec<String>,
    /// Text of the sale.
    pub description: String,
}

impl Confirmation {
    /// Takes the fields out of a decoded form; of a repeated field the first counts, unknown ones are passed over.
    #[must_use]
    pub fn read<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut found = Self::default();
        for (name, value) in fields {
            let slot = match name {
                "merchant_id" => &mut found.merchant_id,
                "state_pol" => &mut found.state_pol,
                "reference_sale" => &mut found.reference_sale,
                "reference_pol" => &mut found.reference_pol,
                "transaction_id" => &mut found.transaction_id,
                "sign" => &mut found.sign,
                "value" => &mut found.value,
                "currency" => &mut found.currency,
                "transaction_date" => &mut found.transaction_date,
                "test" => &mut found.test,
                "response_message_pol" => &mut found.response,
                "description" => &mut found.description,
                "extra1" | "extra2" | "extra3" => {
                    if !value.is_empty() {
                        found.extras.push(value.to_owned());
                    }
                    continue;
                }
                _ => continue,
            };
            if slot.is_empty() {
                value.clone_into(slot);
            }
        }
        found
    }

    /// What is signed: `apiKey~merchant_id~reference_sale~new_value~currency~state_pol`, from the texts as received.
    #[must_use]
    pub fn signed_text(&self, api_key: &str) -> String {
        let value = new_value(&self.value);
        [
            api_key,
            &self.merchant_id,
            &self.reference_sale,
            &value,
            &self.currency,
            &self.state_pol,
        ]
        .join("~")
    }

    /// The state, if it is one of the three final ones.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        match self.state_pol.as_str() {
            "4" => Some(State::Approved),
            "5" => Some(State::Expired),
            "6" => Some(State::Declined),
            _ => None,
        }
    }

    /// The amount: positive, in a known currency.
    ///
    /// # Errors
    /// The name of the rule that it breaks: `unknown-currency`, `malformed-amount`, `amount-not-positive`.
    pub fn money(&self) -> Result<Money, &'static str> {
        let currency = Currency::parse(&self.currency).map_err(|_| "unknown-currency")?;
        let money = Money::parse(&self.value, currency).map_err(|_| "malformed-amount")?;
        if money.minor() > 0 {
            Ok(money)
        } else {
            Err("amount-not-positive")
        }
    }

    /// Why its texts cannot be kept; `None` of all that PayU sends: its ids have at most 255 characters. The signature
    /// does not cover all fields, so that any text may stand in them.
    #[must_use]
    pub fn unusable_text(&self) -> Option<&'static str> {
        let ids = [&self.reference_sale, &self.reference_pol, &self.transaction_id];
        let texts = [&self.description, &self.response];
        let all = ids.into_iter().chain(texts).chain(&self.extras);
        if all.clone().any(|text| text.contains('\0')) {
            return Some("control-characters");
        }
        let too_long = ids.into_iter().any(|id| id.chars().nth(ID_MAX).is_some());
        (too_long || all.clone().any(|text| text.chars().nth(TEXT_MAX).is_some())).then_some("text-too-long")
    }

    /// The day of the transaction at PayU, where it can be read.
    #[must_use]
    pub fn paid_on(&self) -> Option<BusinessDate> {
        BusinessDate::parse(self.transaction_date.get(..10)?).ok()
    }

    /// A transaction of PayU's test mode: no money.
    #[must_use]
    pub fn is_test(&self) -> bool {
        matches!(self.test.as_str(), "1" | "true")
    }
}

/// `150.00` is signed as `150.0`, `150.25` as it is; works on the text. Without decimals one is added (not specified; no
/// such notice was seen).
#[must_use]
pub fn new_value(value: &str) -> String {
    match value.split_once('.') {
        None => format!("{value}.0"),
        Some((whole, decimals)) => match decimals.as_bytes() {
            [first, b'0'] => format!("{whole}.{}", char::from(*first)),
            _ => value.to_owned(),
        },
    }
}

/// Final states of a transaction.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum State {
    /// `5`
    Expired,
    /// `6`
    Declined,
    /// `4`
    Approved,
}

impl State {
    /// The word of tables and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expired => "EXPIRED",
            Self::Declined => "DECLINED",
            Self::Approved => "APPROVED",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Expired, Self::Declined, Self::Approved]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// What a notice changes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Money came in.
    Book,
    /// An attempt failed.
    Fail,
    /// Nothing new.
    Nothing,
    /// The same transaction with another amount: a person looks at it.
    Contradicts,
}

impl Step {
    /// Why the notice is quarantined, where it is.
    #[must_use]
    pub fn contradiction(self) -> Option<&'static str> {
        (self == Self::Contradicts).then_some("contradicts-an-earlier-confirmation")
    }
}

/// Final states are monotonic by transaction: approved stays approved, whatever comes later; notices come twice and out of
/// order. An approval after a decline books: the money is there and PayU signed for it.
#[must_use]
pub fn step(known: Option<(State, Money)>, state: State, money: Money) -> Step {
    match (known, state) {
        (Some((State::Approved, before)), State::Approved) if before != money => Step::Contradicts,
        (Some((State::Approved, _)), _) => Step::Nothing,
        (_, State::Approved) => Step::Book,
        (Some(_), _) => Step::Nothing,
        (None, _) => Step::Fail,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn new_value_works_on_the_text() {
        for (value, signed) in [
            ("150.00", "150.0"),
            ("100.00", "100.0"),
            ("150.25", "150.25"),
            ("150.26", "150.26"),
            ("150.20", "150.2"),
            ("150.05", "150.05"),
            ("150", "150.0"),
            ("150.5", "150.5"),
            ("0.00", "0.0"),
            ("", ".0"),
        ] {
            assert_eq!(new_value(value), signed, "{value}");
        }
    }

    #[test]
    fn the_signed_text_of_the_documented_vectors() {
        let confirmation = Confirmation::read([
            ("merchant_id", "508029"),
            ("reference_sale", "TestPayU04"),
            ("value", "150.00"),
            ("currency", "USD"),
            ("state_pol", "4"),
            ("unknown", "x"),
            ("value", "9.99"),
            ("extra1", ""),
            ("extra2", "C-1"),
        ]);
        assert_eq!(
            confirmation.signed_text("4Vj8eK4rloUd272L48hsrarnUA"),
            "4Vj8eK4rloUd272L48hsrarnUA~508029~TestPayU04~150.0~USD~4"
        );
        assert_eq!(confirmation.extras, ["C-1"]);
        assert_eq!(confirmation.money(), Ok(Money::new(15_000, Currency::USD)));
    }

    #[test]
    fn amounts_and_dates_that_do_not_fit() {
        let with = |value: &str, currency: &str| Confirmation {
            value: value.into(),
            currency: currency.into(),
            ..Confirmation::default()
        };
        assert_eq!(with("1.00", "XYZW").money(), Err("unknown-currency"));
        assert_eq!(with("1,00", "COP").money(), Err("malformed-amount"));
        assert_eq!(with("1.001", "COP").money(), Err("malformed-amount"));
        assert_eq!(with("0.00", "COP").money(), Err("amount-not-positive"));
        let dated = |text: &str| {
            Confirmation {
                transaction_date: text.into(),
                ..Confirmation::default()
            }
            .paid_on()
        };
        assert_eq!(dated("2015-05-27 13:07:35"), BusinessDate::parse("2015-05-27").ok());
        assert_eq!(dated("2015.05.27 01:07:35"), None);
        assert_eq!(dated(""), None);
    }

    #[test]
    fn texts_that_no_table_takes() {
        let with = |id: &str, description: &str| Confirmation {
            transaction_id: id.into(),
            description: description.into(),
            ..Confirmation::default()
        };
        assert_eq!(with("t-1", "two\nlines").unusable_text(), None);
        assert_eq!(with("t\0", "").unusable_text(), Some("control-characters"));
        assert_eq!(with("t", "a\0b").unusable_text(), Some("control-characters"));
        assert_eq!(with(&"é".repeat(255), &"é".repeat(4_000)).unusable_text(), None);
        assert_eq!(with(&"t".repeat(256), "").unusable_text(), Some("text-too-long"));
        assert_eq!(with("t", &"d".repeat(4_001)).unusable_text(), Some("text-too-long"));
    }

    #[test]
    fn what_suggests_payu() {
        assert!(hinted(["Ana", "PAGO PAY-U LATAM"]) && hinted(["payu"]));
        assert!(!hinted(["pay", "u"]) && !hinted([]));
    }

    #[test]
    fn states_are_monotonic() {
        let (ten, eleven) = (Money::new(10, Currency::COP), Money::new(11, Currency::COP));
        for (known, state, expected) in [
            (None, State::Approved, Step::Book),
            (None, State::Declined, Step::Fail),
            (None, State::Expired, Step::Fail),
            (Some((State::Approved, ten)), State::Approved, Step::Nothing),
            (Some((State::Approved, ten)), State::Declined, Step::Nothing),
            (Some((State::Approved, eleven)), State::Approved, Step::Contradicts),
            (Some((State::Declined, ten)), State::Approved, Step::Book),
            (Some((State::Declined, ten)), State::Expired, Step::Nothing),
        ] {
            assert_eq!(step(known, state, ten), expected, "{known:?} {state:?}");
        }
    }

    proptest! {
        /// Whatever the order of notices of one transaction, it is booked once if one of them approves, and never undone.
        #[test]
        fn booked_once_if_ever_approved(states in prop::collection::vec(prop_oneof![Just(State::Approved), Just(State::Declined), Just(State::Expired)], 1..8)) {
            let money = Money::new(10, Currency::COP);
            let mut known = None;
            let mut booked = 0;
            for state in &states {
                match step(known, *state, money) {
                    Step::Book => { booked += 1; known = Some((*state, money)); }
                    Step::Fail => known = Some((*state, money)),
                    Step::Nothing => {}
                    Step::Contradicts => prop_assert!(false),
                }
            }
            prop_assert_eq!(booked, usize::from(states.contains(&State::Approved)));
        }
    }
}
