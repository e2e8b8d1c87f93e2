//! Amounts of events as [`Money`]: the minor units together with the currency beside them.

use kernel::Money;

macro_rules! amounts {
    ($($event:ident: $name:ident = $field:ident;)*) => {$(
        impl crate::$event {
            #[doc = concat!("`", stringify!($field), "` in `currency`.")]
            #[must_use]
            pub const fn $name(&self) -> Money {
                Money::new(self.$field, self.currency)
            }
        }
    )*};
}

amounts! {
    InvoiceIssued: total = total_minor;
    InvoiceCorrected: total = total_minor;
    CreditNoteIssued: amount = amount_minor;
    PaymentReceived: amount = amount_minor;
    PaymentReversed: amount = amount_minor;
    PaymentAttemptFailed: amount = amount_minor;
    PaymentSighted: amount = amount_minor;
    FundsAssigned: amount = amount_minor;
    FundsWithdrawn: amount = amount_minor;
    FundsExpected: amount = amount_minor;
    ExpectationEnded: amount = amount_minor;
    ItemOpened: amount = amount_minor;
    ItemSettled: amount = amount_minor;
    ItemReopened: open = open_minor;
    FundsAllocated: amount = amount_minor;
    AllocationReversed: amount = amount_minor;
    CreditHeld: amount = amount_minor;
    CertifiedSum: amount = amount_minor;
    JournalPosted: debit = debit_minor;
    JournalPosted: credit = credit_minor;
}
