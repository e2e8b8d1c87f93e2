//! What a person sees on standard error while the demo works.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kernel::BusinessDate;
use runtime::terminal::complain;

use super::model::DayInputs;

/// A bar on a terminal, lines elsewhere.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Over this many days.
    #[must_use]
    pub fn new(days: usize) -> Self {
        let length = u64::try_from(days).unwrap_or(0);
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:31} {pos}/{len} days  {msg}") {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar }
    }

    /// Says what happens now.
    pub fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            complain(format!("demo: {line}"));
        } else {
            self.bar.set_message(line.to_owned());
        }
    }

    /// A day begins.
    pub fn day(&self, on: BusinessDate, day: &DayInputs) {
        let line = format!(
            "{on}: {} KiB from the ERPs, {} notices of PayU, {} bank files",
            day.erp.values().map(Vec::len).sum::<usize>() / 1024,
            day.notices.len(),
            day.files.len()
        );
        if self.bar.is_hidden() {
            if on.day() == 1 || on.day().is_multiple_of(5) {
                complain(format!("demo: {line}"));
            }
        } else {
            self.bar.set_message(line);
            self.bar.inc(1);
        }
    }

    /// The last day closes.
    pub fn closing(&self) {
        self.say("the last day closes in allocation");
    }

    /// Nothing more to show.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
