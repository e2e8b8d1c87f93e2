//! Made-up debtors and account numbers that pass their check digits.

use super::rng::Rng;

const RO_FIRST: [&str; 20] = [
    "Ana", "Andrei", "Ștefan", "Ioana", "Mihai", "Elena", "Gheorghe", "Măriuca", "Vasile", "Cristina", "Radu", "Irina",
    "Florin", "Simona", "Dănuț", "Carmen", "Lucian", "Oana", "Petru", "Raluca",
];
const RO_LAST: [&str; 20] = [
    "Popescu", "Ionescu", "Țăran", "Dumitru", "Stan", "Munteanu", "Șerban", "Marin", "Tudor", "Dobre", "Barbu",
    "Nistor", "Florea", "Moldovan", "Rusu", "Lungu", "Văduva", "Preda", "Ciobanu", "Manea",
];
const CO_FIRST: [&str; 20] = [
    "José",
    "María",
    "Andrés",
    "Lucía",
    "Juan",
    "Camila",
    "Sebastián",
    "Valentina",
    "Óscar",
    "Paula",
    "Iván",
    "Diana",
    "Felipe",
    "Sofía",
    "Martín",
    "Laura",
    "Nicolás",
    "Adriana",
    "Hernán",
    "Ángela",
];
const CO_LAST: [&str; 20] = [
    "Rodríguez",
    "Gómez",
    "Núñez",
    "Martínez",
    "Peña",
    "Castaño",
    "Ramírez",
    "Muñoz",
    "Suárez",
    "Vélez",
    "Jiménez",
    "Ortiz",
    "Pardo",
    "Quiñones",
    "Rojas",
    "Salazar",
    "Torres",
    "Uribe",
    "Vargas",
    "Zapata",
];
const RO_BANKS: [&str; 6] = ["BTRL", "RNCB", "BRDE", "INGB", "RZBR", "CECE"];

/// A Romanian name.
pub fn romanian(rng: &mut Rng) -> String {
    format!("{} {}", rng.pick(&RO_FIRST), rng.pick(&RO_LAST))
}

/// A Colombian name.
pub fn colombian(rng: &mut Rng) -> String {
    format!("{} {} {}", rng.pick(&CO_FIRST), rng.pick(&CO_LAST), rng.pick(&CO_LAST))
}

/// A Romanian IBAN that no other `serial` gets.
pub fn romanian_iban(rng: &mut Rng, serial: usize) -> String {
    iban("RO", &format!("{}{:016}", rng.pick(&RO_BANKS), serial))
}

/// The IBAN of a country and a national number: check digits by ISO 13616 (ISO 7064, MOD 97-10).
pub fn iban(country: &str, national: &str) -> String {
    let rest = format!("{national}{country}00").bytes().fold(0_u32, |rest, byte| {
        let (value, base) = match byte {
            b'0'..=b'9' => (u32::from(byte - b'0'), 10),
            _ => (
                u32::from(byte.to_ascii_uppercase().saturating_sub(b'A')).saturating_add(10),
                100,
            ),
        };
        (rest * base + value) % 97
    });
    format!("{country}{:02}{national}", 98 - rest)
}

#[cfg(test)]
mod tests {
    use kernel::Iban;

    use super::*;

    #[test]
    fn made_up_ibans_are_right_ones() {
        assert_eq!(iban("RO", "AAAA1B31007593840000"), "RO49AAAA1B31007593840000");
        let mut rng = Rng::new(1, "ibans");
        for serial in 0..500 {
            let made = romanian_iban(&mut rng, serial);
            assert!(Iban::parse(&made).is_ok(), "{made}");
        }
    }
}
