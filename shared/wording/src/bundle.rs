//! The compiled Fluent messages.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::{LanguageIdentifier, subtags};

/// The English messages, as they stand in the file.
pub(crate) const ENGLISH: &str = include_str!("../locales/en.ftl");

static BUNDLE: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| {
    let language = subtags::Language::from_bytes(b"en").unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![LanguageIdentifier::from_parts(language, None, None, &[])]);
    // Sentences go into JSON and terminals: no invisible marks around what is put in.
    bundle.set_use_isolating(false);
    // A file with a mistake still gives the messages that could be read; a test refuses the mistake.
    let resource = FluentResource::try_new(ENGLISH.to_owned()).unwrap_or_else(|(rest, _)| rest);
    bundle.add_resource_overriding(resource);
    bundle
});

/// Whether there is a message of this id.
pub(crate) fn knows(id: &str) -> bool {
    BUNDLE.has_message(id)
}

/// The message `id` with these values; the id itself where there is none, which a test excludes.
pub(crate) fn say(id: &str, values: &[(&str, &str)]) -> String {
    let Some(pattern) = BUNDLE.get_message(id).and_then(|message| message.value()) else {
        return id.to_owned();
    };
    let mut args = FluentArgs::with_capacity(values.len());
    for (name, value) in values {
        args.set(*name, *value);
    }
    BUNDLE
        .format_pattern(pattern, Some(&args), &mut Vec::new())
        .into_owned()
}

/// `{family}-{code}`, or `{family}-other` where that code has no sentence of its own. Codes in snake case are looked up
/// with dashes, as Fluent writes them.
pub(crate) fn say_of(family: &str, code: &str, values: &[(&str, &str)]) -> String {
    let id = format!("{family}-{}", code.replace('_', "-"));
    if knows(&id) {
        say(&id, values)
    } else {
        say(&format!("{family}-other"), values)
    }
}
