//! What the reason codes of SEPA returns, rejects and recalls mean, in a few words (ISO 20022 external code sets; the list
//! of payment-feeds.md 13).

/// The meaning of a code such as `AC04`; none where it is not known here: it is kept and shown all the same.
#[must_use]
pub fn meaning(code: &str) -> Option<&'static str> {
    Some(match code {
        "AC01" => "wrong account number",
        "AC03" => "wrong creditor account number",
        "AC04" => "account closed",
        "AC06" => "account blocked",
        "AC13" => "debtor is a consumer: no B2B collection",
        "AG01" => "transaction forbidden on this account",
        "AG02" => "wrong transaction code",
        "AM04" => "insufficient funds",
        "AM05" => "duplicate",
        "AM09" => "wrong amount",
        "ARDT" => "returned already",
        "BE04" => "creditor's address is missing or wrong",
        "BE05" => "creditor is not recognised",
        "CNOR" => "creditor's bank is not reachable",
        "CUST" => "asked for by the customer",
        "DNOR" => "debtor's bank is not reachable",
        "DT01" => "wrong date",
        "DUPL" => "sent twice",
        "FF01" => "wrong file format",
        "FF05" => "wrong direct debit type",
        "FOCR" => "returned after a recall",
        "FRAD" => "fraud",
        "LEGL" => "legal decision",
        "MD01" => "no valid mandate",
        "MD06" => "refund asked for by the debtor",
        "MD07" => "debtor is deceased",
        "MS02" => "refused by the debtor",
        "MS03" => "no reason given by the bank",
        "NARR" => "see the text",
        "NOAS" => "no answer from the customer",
        "RC01" => "wrong bank code",
        "RR01" => "debtor's account or identification is missing",
        "RR02" => "debtor's name or address is missing",
        "RR03" => "creditor's name or address is missing",
        "RR04" => "regulatory reason",
        "SL01" => "specific service of the debtor's bank",
        "TECH" => "technical problem",
        "TM01" => "after the cut-off time",
        "UPAY" => "payment was not due",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::meaning;

    #[test]
    fn known_and_unknown() {
        assert_eq!(meaning("AC04"), Some("account closed"));
        assert_eq!(meaning("ZZ99"), None);
    }
}
