//! Spanish account numbers: from the parts that a statement writes to the IBAN that everybody else uses.

use kernel::Iban;

/// The IBAN of bank (4 digits), branch (4) and account (10): the two control digits of the `código cuenta cliente` and
/// the two of ISO 13616 are computed. Nothing where a part is not of digits only.
pub(super) fn iban(bank: &str, branch: &str, account: &str) -> Option<Iban> {
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !(digits(bank, 4) && digits(branch, 4) && digits(account, 10)) {
        return None;
    }
    let first = control(&format!("00{bank}{branch}"));
    let second = control(account);
    let bban = format!("{bank}{branch}{first}{second}{account}");
    // ISO 13616: the country's letters are 14 and 28; the check digits make the whole 1 modulo 97.
    let rest = format!("{bban}142800").bytes().fold(0_u32, |rest, byte| {
        (rest * 10 + u32::from(byte.saturating_sub(b'0'))) % 97
    });
    Iban::parse(&format!("ES{:02}{bban}", 98 - rest)).ok()
}

/// One control digit over ten digits: modulo 11 with the powers of two as weights.
fn control(ten: &str) -> u32 {
    const WEIGHTS: [u32; 10] = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let sum: u32 = ten
        .bytes()
        .zip(WEIGHTS)
        .map(|(byte, weight)| u32::from(byte.saturating_sub(b'0')) * weight)
        .sum();
    match 11 - sum % 11 {
        11 => 0,
        10 => 1,
        digit => digit,
    }
}

#[cfg(test)]
mod tests {
    use super::iban;

    #[test]
    fn ibans_are_computed() {
        // The example of the Banco de España and of the SWIFT registry for Spain.
        let cases = [
            (("2100", "0418", "0200051332"), "ES9121000418450200051332"),
            (("0049", "1500", "1234567892"), "ES6000491500051234567892"),
        ];
        for ((bank, branch, account), expected) in cases {
            assert_eq!(
                iban(bank, branch, account).map(|iban| iban.to_string()).as_deref(),
                Some(expected)
            );
        }
        assert!(iban("0049", "150", "1234567892").is_none());
        assert!(iban("0049", "15 0", "1234567892").is_none());
        assert!(iban("00Ñ", "1500", "1234567892").is_none());
    }
}
