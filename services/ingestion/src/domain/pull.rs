//! Pulling files from a bank's server: which of them are finished, which is taken now, and when to look again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone, Utc};
use kernel::Tz;

/// What writers put behind the name of a file that they have not finished.
const UNFINISHED: [&str; 3] = [".part", ".tmp", ".filepart"];
/// The longest pause after failures that pass by themselves, in seconds.
const PAUSE_MAX: i64 = 600;
/// The pause where a person must act: more tries would only get the user locked out.
const PAUSE_FOR_A_PERSON: i64 = 900;

/// A file as its server lists it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Remote {
    /// Seconds since 1970, as the server says.
    pub modified_at: i64,
    /// Its name in the directory.
    pub name: String,
    /// Its size.
    pub size_bytes: i64,
}

/// What is remembered of a file of this name, size and time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It was listed, from this look on.
    Seen(i64),
    /// Its bytes are stored.
    Stored,
    /// It will not be taken: larger than what is taken.
    Refused,
}

/// What a look at the directory comes to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// Finished and new: taken now, oldest first.
    pub take: Vec<Remote>,
    /// Listed for the first time so, perhaps still being written: taken when it looks the same at the next look.
    pub wait: Vec<Remote>,
    /// Stored before and still there.
    pub stored: Vec<Remote>,
}

/// The name that a file will have when its writer has finished; `None` where its name says that it is finished.
#[must_use]
pub fn finished_name(name: &str) -> Option<&str> {
    UNFINISHED.iter().find_map(|suffix| {
        let at = name.len().checked_sub(suffix.len())?;
        let (stem, end) = name.split_at_checked(at)?;
        (!stem.is_empty() && end.eq_ignore_ascii_case(suffix)).then_some(stem)
    })
}

/// Whether a name can be that of a file to take: not hidden, no path, printable.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let odd = |letter: char| letter.is_control() || letter == '/' || letter == char::REPLACEMENT_CHARACTER;
    !name.is_empty() && !name.starts_with('.') && !name.contains(odd)
}

/// Whether a name fits a pattern: `*` stands for any letters, `?` for one; all else for itself.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut in_name) = (0, 0);
    // Where to go on when what follows the last star does not fit: one letter more is the star's.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, in_name));
                at += 1;
            }
            Some(letter) if *letter == '?' || name.get(in_name) == Some(letter) => {
                at += 1;
                in_name += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    at = after;
                    in_name = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|letter| *letter == '*')
}

/// Judges a listing. `look` is the number of this look; `known` is what earlier looks left, names of unfinished files
/// among them: a file that was renamed from one is finished.
#[must_use]
pub fn judge(listing: &[Remote], known: &[(Remote, State)], look: i64, pattern: &str) -> Verdict {
    let listed: BTreeSet<&str> = listing.iter().map(|remote| remote.name.as_str()).collect();
    let renamed: BTreeSet<&str> = known
        .iter()
        .filter(|(remote, _)| !listed.contains(remote.name.as_str()))
        .filter_map(|(remote, _)| finished_name(&remote.name))
        .collect();
    let states: BTreeMap<&Remote, State> = known.iter().map(|(remote, state)| (remote, *state)).collect();
    let mut verdict = Verdict::default();
    let wanted = listing
        .iter()
        .filter(|remote| is_plain(&remote.name) && fits(pattern, stem(&remote.name)));
    for remote in wanted {
        let state = states.get(remote).copied();
        let finished = finished_name(&remote.name).is_none();
        match state {
            Some(State::Stored) => verdict.stored.push(remote.clone()),
            Some(State::Refused) => {}
            Some(State::Seen(first)) if finished && first < look => verdict.take.push(remote.clone()),
            _ if finished && renamed.contains(remote.name.as_str()) => verdict.take.push(remote.clone()),
            Some(State::Seen(_)) | None => verdict.wait.push(remote.clone()),
        }
    }
    verdict.take.sort();
    verdict
}

fn stem(name: &str) -> &str {
    finished_name(name).unwrap_or(name)
}

/// Seconds until the next try after so many failures in a row.
#[must_use]
pub fn pause_seconds(failures: i32, needs_a_person: bool) -> i64 {
    if needs_a_person {
        return PAUSE_FOR_A_PERSON;
    }
    let doublings = u32::try_from(failures.clamp(1, 20) - 1).unwrap_or(0);
    2_i64.saturating_pow(doublings).min(PAUSE_MAX)
}

/// Seconds from `now` to the next of these times of day in this zone, at least one. A time that the clocks jump over
/// comes an hour later.
#[must_use]
pub fn seconds_until_next(now: DateTime<Utc>, times: &[NaiveTime], zone: Tz) -> Option<i64> {
    let today = now.with_timezone(&zone).date_naive();
    let days = (0..3).filter_map(|n| today.checked_add_days(Days::new(n)));
    let instants = days.flat_map(|day| {
        times.iter().filter_map(move |time| {
            let local = day.and_time(*time);
            let at = zone.from_local_datetime(&local).earliest();
            at.or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest())
        })
    });
    let seconds = instants.map(|at| (at.with_timezone(&Utc) - now).num_seconds());
    seconds.filter(|seconds| *seconds > 0).min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn remote(name: &str, size_bytes: i64, modified_at: i64) -> Remote {
        Remote {
            modified_at,
            name: name.into(),
            size_bytes,
        }
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "camt.xml", true),
            ("*", "", true),
            ("*.xml", "camt.xml", true),
            ("*.xml", "camt.XML", false),
            ("*.xml", "camt.xml.gz", false),
            ("RO??_*_053.xml", "RO49_2026_053.xml", true),
            ("RO??_*_053.xml", "RO4_2026_053.xml", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "abcd", false),
            ("ț?t", "țăt", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn names_of_unfinished_files() {
        for (name, finished) in [
            ("camt.xml.part", Some("camt.xml")),
            ("camt.xml.filepart", Some("camt.xml")),
            ("CAMT.TMP", Some("CAMT")),
            ("camt.xml", None),
            ("part", None),
            (".part", None),
            ("țpart", None),
        ] {
            assert_eq!(finished_name(name), finished, "{name}");
        }
        for (name, plain) in [
            ("a b.xml", true),
            (".a", false),
            ("..", false),
            ("a/b", false),
            ("a\n", false),
            ("a\u{fffd}", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name:?}");
        }
    }

    #[test]
    fn a_file_is_taken_when_it_looks_the_same_twice_or_was_renamed() {
        let file = remote("a.xml", 10, 100);
        let names = |files: &[Remote]| files.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
        let judge = |listing: &[Remote], known: &[(Remote, State)]| {
            let verdict = judge(listing, known, 7, "*.xml");
            (names(&verdict.take), names(&verdict.wait), names(&verdict.stored))
        };
        let nothing = Vec::<String>::new;
        let one = || vec!["a.xml".to_owned()];
        let seen = |first| (file.clone(), State::Seen(first));
        let alone = std::slice::from_ref(&file);
        assert_eq!(judge(alone, &[]), (nothing(), one(), nothing()));
        assert_eq!(judge(alone, &[seen(7)]), (nothing(), one(), nothing()));
        assert_eq!(judge(alone, &[seen(6)]), (one(), nothing(), nothing()));
        // It grew, or was written again.
        assert_eq!(
            judge(&[remote("a.xml", 11, 100)], &[seen(6)]),
            (nothing(), one(), nothing())
        );
        assert_eq!(
            judge(&[remote("a.xml", 10, 101)], &[seen(6)]),
            (nothing(), one(), nothing())
        );
        assert_eq!(
            judge(alone, &[(file.clone(), State::Stored)]),
            (nothing(), nothing(), one())
        );
        assert_eq!(
            judge(alone, &[(file.clone(), State::Refused)]),
            (nothing(), nothing(), nothing())
        );
        // Renamed from an unfinished one: at once. Both there: it waits.
        let unfinished = (remote("a.xml.filepart", 3, 90), State::Seen(6));
        assert_eq!(
            judge(alone, std::slice::from_ref(&unfinished)),
            (one(), nothing(), nothing())
        );
        let both = [file.clone(), unfinished.0.clone()];
        let waits = vec!["a.xml".to_owned(), "a.xml.filepart".to_owned()];
        assert_eq!(judge(&both, &[unfinished]), (nothing(), waits, nothing()));
        assert_eq!(
            judge(&[remote("a.txt", 1, 1), remote(".a.xml", 1, 1)], &[]),
            (nothing(), nothing(), nothing())
        );
    }

    #[test]
    fn pauses_grow_to_an_end() {
        let pauses: Vec<i64> = [0, 1, 2, 3, 10, 11, i32::MAX].map(|n| pause_seconds(n, false)).into();
        assert_eq!(pauses, [1, 1, 2, 4, 512, 600, 600]);
        assert_eq!(pause_seconds(1, true), 900);
    }

    #[test]
    fn times_of_day_are_local() {
        let zone: Tz = "Europe/Bucharest".parse().unwrap();
        let times = ["07:30", "13:00"].map(|text| NaiveTime::parse_from_str(text, "%H:%M").unwrap());
        let night = ["03:30"].map(|text| NaiveTime::parse_from_str(text, "%H:%M").unwrap());
        for (now, times, expected) in [
            ("2026-11-02T05:29:00Z", &times[..], 60),
            ("2026-11-02T05:30:00Z", &times[..], 5 * 3_600 + 1_800),
            ("2026-11-02T11:00:00Z", &times[..], 18 * 3_600 + 1_800),
            // The clocks jump from 3 to 4 o'clock.
            ("2026-03-29T00:30:00Z", &night[..], 3_600),
            // They go back from 4 to 3: the first of the two.
            ("2026-10-25T00:00:00Z", &night[..], 1_800),
        ] {
            let at: DateTime<Utc> = now.parse().unwrap();
            assert_eq!(seconds_until_next(at, times, zone), Some(expected), "{now}");
        }
        assert_eq!(seconds_until_next(DateTime::UNIX_EPOCH, &[], zone), None);
    }

    /// By the letters, without any thrift.
    fn plainly(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|n| plainly(rest, &name[n..])),
            Some(('?', rest)) => !name.is_empty() && plainly(rest, &name[1..]),
            Some((letter, rest)) => name.first() == Some(letter) && plainly(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn patterns_mean_what_they_say(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &name), plainly(&letters(&pattern), &letters(&name)));
        }

        /// Whatever is listed and known: a file goes one way, and one that is stored is never taken.
        #[test]
        fn nothing_is_taken_twice(files in prop::collection::vec(("[ab](\\.part)?", 0..2_i64, 0..2_i64), 0..6),
                                  known in prop::collection::vec(("[ab](\\.part)?", 0..2_i64, 0..2_i64, 0..4_i64), 0..8)) {
            let listing: Vec<Remote> = files.iter().map(|(name, size, at)| remote(name, *size, *at)).collect();
            let known: BTreeMap<Remote, State> = known.iter().map(|(name, size, at, state)| {
                let state = match state { 0 => State::Stored, 1 => State::Refused, n => State::Seen(n - 2) };
                (remote(name, *size, *at), state)
            }).collect();
            let known: Vec<(Remote, State)> = known.into_iter().collect();
            let verdict = judge(&listing, &known, 1, "*");
            for taken in &verdict.take {
                let state = known.iter().find(|(remote, _)| remote == taken).map(|(_, state)| *state);
                prop_assert!(!matches!(state, Some(State::Stored | State::Refused)), "{taken:?}");
                prop_assert!(finished_name(&taken.name).is_none());
                prop_assert!(!verdict.wait.contains(taken) && !verdict.stored.contains(taken));
            }
        }
    }
}
