//! The faults: planned from the seed, each tied to a part of what is sent, so that a seed gives the same plan again.

mod strike;

pub use strike::Storm;

use crate::cluster::SERVICES;
use crate::rng::Rng;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL of an instance (service, which of its instances).
    Kill(&'static str, usize),
    /// SIGSTOP past the lease, then SIGCONT.
    Zombie(&'static str, usize),
    /// The broker is killed and started again.
    Kafka,
    /// The database server is shut down at once and started again.
    Postgres,
    /// Nothing passes to or from Kafka; whether connections break when the line is mended.
    CutKafka {
        /// Whether they do.
        reset: bool,
    },
    /// The same with PostgreSQL for all instances.
    CutPostgres {
        /// Whether connections break.
        reset: bool,
    },
    /// The same for one instance alone: its relay has published what it cannot delete.
    CutOne(&'static str, usize, bool),
    /// The disk of the blob store is full for a while.
    DiskFull,
    /// The clock of an instance jumps by so many seconds.
    Clock(&'static str, usize, i64),
    /// An instance joins and another one leaves; planned only while a day closes.
    Rolling(&'static str),
}

/// What happens on a day.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// While input is sent, in this order, each with its part of the day's input.
    pub sending: Vec<Fault>,
    /// While the day closes.
    pub closing: Vec<Fault>,
}

/// How much there is of it.
#[derive(Clone, Copy, Debug)]
pub struct Force {
    /// SIGKILLs.
    pub kills: usize,
    /// How often everything else.
    pub rounds: usize,
}

/// The plan of faults, a day's weather for each day.
pub fn forecast(seed: u64, days: usize, force: Force) -> Vec<Weather> {
    let mut rng = Rng::new(seed, "storm");
    let mut weather: Vec<Weather> = (0..days).map(|_| Weather::default()).collect();
    let some = |rng: &mut Rng| (SERVICES[rng.index(SERVICES.len())], rng.index(2));
    for n in 0..force.kills {
        // Half of them hit the services that are busiest.
        let (service, which) = if rng.chance(600) {
            (SERVICES[1 + rng.index(2)], rng.index(2))
        } else {
            some(&mut rng)
        };
        let day = &mut weather[n % days];
        let list = if rng.chance(300) {
            &mut day.closing
        } else {
            &mut day.sending
        };
        list.push(Fault::Kill(service, which));
    }
    for _ in 0..force.rounds {
        let mut specials = vec![
            Fault::Zombie("allocation", rng.index(2)),
            Fault::Zombie("ingestion", rng.index(2)),
            Fault::Kafka,
            Fault::Postgres,
            Fault::CutKafka { reset: rng.chance(500) },
            Fault::CutPostgres { reset: rng.chance(500) },
            Fault::CutOne("ingestion", rng.index(2), rng.chance(500)),
            Fault::CutOne("allocation", rng.index(2), rng.chance(500)),
            Fault::DiskFull,
        ];
        for _ in 0..3 {
            let (service, which) = some(&mut rng);
            let hours = rng.minor(-30, 30);
            specials.push(Fault::Clock(service, which, hours * 3_600));
        }
        rng.shuffle(&mut specials);
        for (n, fault) in specials.into_iter().enumerate() {
            weather[n % days].sending.push(fault);
        }
        for service in ["ingestion", "allocation"] {
            let day = rng.index(days);
            weather[day].closing.push(Fault::Rolling(service));
        }
        let late = [Fault::Kafka, Fault::Postgres, Fault::Zombie("allocation", rng.index(2))];
        let day = rng.index(days);
        weather[day].closing.push(late[rng.index(late.len())]);
    }
    for day in &mut weather {
        rng.shuffle(&mut day.sending);
        rng.shuffle(&mut day.closing);
    }
    weather
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_forecast_with_everything_in_it() {
        let force = Force { kills: 40, rounds: 1 };
        let days = forecast(1, 4, force);
        assert_eq!(format!("{days:?}"), format!("{:?}", forecast(1, 4, force)));
        let all: Vec<Fault> = days
            .iter()
            .flat_map(|day| day.sending.iter().chain(&day.closing))
            .copied()
            .collect();
        assert_eq!(all.iter().filter(|fault| matches!(fault, Fault::Kill(..))).count(), 40);
        for wanted in [
            "Zombie",
            "Kafka",
            "Postgres",
            "CutKafka",
            "CutPostgres",
            "CutOne",
            "DiskFull",
            "Clock",
            "Rolling",
        ] {
            assert!(
                all.iter().any(|fault| format!("{fault:?}").starts_with(wanted)),
                "{wanted}"
            );
        }
    }
}
