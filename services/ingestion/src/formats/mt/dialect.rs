//! Whose way of writing MT940 a file follows: by a setting, else by the bank in the account's number, else by the
//! structure of `:86:`. It decides little (ING's IBAN, BRD's address, Rabobank's accounts); texts tell their structure.

use super::details::Form;
use crate::formats::format::Dialect as Told;

/// A way of writing.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    Bcr,
    Brd,
    IngRomania,
    RaiffeisenRomania,
    AlphaRomania,
    German,
    Dutch,
    Sepa,
    Swift,
}

const ALL: [Dialect; 9] = [
    Dialect::Bcr,
    Dialect::Brd,
    Dialect::IngRomania,
    Dialect::RaiffeisenRomania,
    Dialect::AlphaRomania,
    Dialect::German,
    Dialect::Dutch,
    Dialect::Sepa,
    Dialect::Swift,
];

impl Dialect {
    /// As settings name it.
    fn word(self) -> &'static str {
        match self {
            Self::Bcr => "bcr",
            Self::Brd => "brd",
            Self::IngRomania => "ing-romania",
            Self::RaiffeisenRomania => "raiffeisen-romania",
            Self::AlphaRomania => "alpha-romania",
            Self::German => "german",
            Self::Dutch => "dutch",
            Self::Sepa => "sepa",
            Self::Swift => "swift",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Bcr => "BCR Romania",
            Self::Brd => "BRD Romania",
            Self::IngRomania => "ING Romania",
            Self::RaiffeisenRomania => "Raiffeisen Romania",
            Self::AlphaRomania => "Alpha Bank Romania",
            Self::German => "subfields as German banks write them",
            Self::Dutch => "slash tags as Dutch banks write them",
            Self::Sepa => "SEPA tags",
            Self::Swift => "SWIFT with free text",
        }
    }

    /// By the name in the settings.
    pub(super) fn of_setting(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        ALL.into_iter().find(|dialect| dialect.word() == name)
    }

    /// By the bank's letters in a Romanian IBAN.
    pub(super) fn of_account(account: &str) -> Option<(Self, &'static str)> {
        if !account.starts_with("RO") {
            return None;
        }
        match account.get(4..8)? {
            "RNCB" => Some((Self::Bcr, "the account's IBAN is of the bank RNCB")),
            "BRDE" => Some((Self::Brd, "the account's IBAN is of the bank BRDE")),
            "INGB" => Some((Self::IngRomania, "the account's IBAN is of the bank INGB")),
            "RZBR" => Some((Self::RaiffeisenRomania, "the account's IBAN is of the bank RZBR")),
            "BUCU" => Some((Self::AlphaRomania, "the account's IBAN is of the bank BUCU")),
            _ => None,
        }
    }

    /// By the structure of a `:86:`.
    fn of_form(form: Form) -> Option<(Self, &'static str)> {
        match form {
            Form::Subfields(_) => Some((Self::German, ":86: is in subfields of two digits")),
            Form::Slash => Some((Self::Dutch, ":86: is in tags between slashes")),
            Form::Sepa => Some((Self::Sepa, ":86: is in tags with plus signs")),
            Form::Bcr => Some((Self::Bcr, ":86: names Platitor, Beneficiar and Detalii")),
            Form::Alpha => Some((Self::AlphaRomania, ":86: names PLATITOR and DETALII INCASARE")),
            Form::AccountAndName => Some((Self::Dutch, ":86: names REK and NAAM")),
            Form::Plain => None,
        }
    }
}

/// The dialect of a file, as it becomes known.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    set: Option<Dialect>,
    by_account: Option<(Dialect, &'static str)>,
    by_form: Option<(Dialect, &'static str)>,
}

impl Found {
    pub(super) fn new(set: Option<Dialect>) -> Self {
        Self { set, ..Self::default() }
    }

    /// An account of the file.
    pub(super) fn account(&mut self, account: &str) {
        self.by_account = self.by_account.or(Dialect::of_account(account));
    }

    /// The structure of a `:86:`.
    pub(super) fn form(&mut self, form: Form) {
        if self.by_form.is_none() {
            self.by_form = Dialect::of_form(form);
        }
    }

    /// What texts are read by; that of another account of the same file may differ.
    pub(super) fn now(&self, account: &str) -> Option<Dialect> {
        self.set
            .or_else(|| Dialect::of_account(account).map(|(dialect, _)| dialect))
    }

    /// For people.
    pub(super) fn told(&self) -> Told {
        let (dialect, why) = match (self.set, self.by_account.or(self.by_form)) {
            (Some(set), _) => (set, "the settings say so"),
            (None, Some(found)) => found,
            (None, None) => (Dialect::Swift, "no bank and no structure of :86: is known"),
        };
        Told {
            name: dialect.title().to_owned(),
            why: why.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_setting_account_and_form() {
        let mut found = Found::default();
        assert_eq!(found.told().name, "SWIFT with free text");
        found.form(Form::Plain);
        found.form(Form::Slash);
        found.form(Form::Subfields('?'));
        assert_eq!(found.told().why, ":86: is in tags between slashes");
        found.account("RO19INGB0000999904621843");
        assert_eq!(found.told().name, "ING Romania");
        assert_eq!(found.now("RO19INGB0000999904621843"), Some(Dialect::IngRomania));
        assert_eq!(found.now("DE02"), None);
        let set = Found::new(Dialect::of_setting("BRD"));
        assert_eq!(set.told().why, "the settings say so");
        assert_eq!(set.now("RO19INGB0000999904621843"), Some(Dialect::Brd));
        assert_eq!(Dialect::of_setting("x"), None);
        for dialect in ALL {
            assert_eq!(Dialect::of_setting(dialect.word()), Some(dialect));
        }
    }
}
