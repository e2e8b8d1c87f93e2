//! Every released schema, compiled in. The files under `schemas/` are the registry: nothing has to run.

/// An event's released schemas.
#[derive(Copy, Clone, Debug)]
pub struct EventSchema {
    /// Folder under `schemas/`; also the last part of the namespace (`incasso.billing`).
    pub family: &'static str,
    /// Name of the record.
    pub name: &'static str,
    /// Version number and text of the `.avsc`, oldest first; the last is what is written now.
    pub versions: &'static [(u32, &'static str)],
}

macro_rules! events {
    ($($family:literal $name:ident [$($version:literal),+];)*) => {
        /// All events. To add a version: a new file `v<n>.avsc`, and its number here.
        pub static EVENTS: &[EventSchema] = &[$(
            EventSchema {
                family: $family,
                name: stringify!($name),
                versions: &[$((
                    $version,
                    include_str!(concat!(
                        env!("CARGO_MANIFEST_DIR"), "/../../schemas/", $family, "/", stringify!($name), "/v", $version, ".avsc"
                    )),
                )),+],
            },
        )*];

        /// Calls a macro with the names of all event types, separated by commas: `every_event!(my_macro)`.
        #[macro_export]
        macro_rules! every_event {
            ($then:ident) => {
                $then! { $($name),* }
            };
        }
    };
}

events! {
    "common" DayClosed [1, 2];
    "common" AccountImpeded [1];
    "common" AccountFreed [1];
    "common" TaskRaised [1];
    "common" TaskClosed [1];
    "common" JournalPosted [1];
    "common" DayCertified [1, 2];
    "creditors" CreditorRegistered [1];
    "accounts" DebtorRegistered [1];
    "accounts" AccountOpened [1];
    "accounts" AccountChanged [1];
    "accounts" AccountClosed [1];
    "accounts" PlaceTaken [1];
    "accounts" PlaceLeft [1];
    "accounts" ProtectionDeclared [1];
    "accounts" ProtectionLifted [1];
    "billing" InvoiceIssued [1];
    "billing" InvoiceCorrected [1];
    "billing" InvoiceCancelled [1];
    "billing" CreditNoteIssued [1];
    "payments" PaymentReceived [1];
    "payments" PaymentReversed [1];
    "payments" PaymentAttemptFailed [1];
    "payments" PaymentSighted [1];
    "payments" FundsAssigned [1];
    "payments" FundsWithdrawn [1];
    "payments" FundsExpected [1];
    "payments" ExpectationEnded [1];
    "allocation" ItemOpened [1];
    "allocation" ItemSettled [1];
    "allocation" ItemReopened [1];
    "allocation" FundsAllocated [1];
    "allocation" AllocationReversed [1];
    "allocation" CreditHeld [1];
}
