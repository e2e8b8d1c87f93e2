# What Incasso says in English. One message per rule id of a service's policy (allocation-<rule>, reversal-<rule>), per
# kind of evidence (evidence-<rule>) and per reason for which an item was looked at (why-<code>, with underscores as
# dashes). A rule without a message of its own falls to the message that ends in -other, which names the rule.

amount = { $currency } { $amount }

item = invoice { $invoice } (due { $due_on })
item-instalment = instalment { $instalment } of invoice { $invoice } (due { $due_on })
item-unnamed = an item due { $due_on }

allocation-named-invoice = { $amount } of the payment of { $value_on } paid { $item } because the payer named it{ $reference ->
        [none] .
       *[other] { " " }(“{ $reference }”).
    }
allocation-oldest-due-first = { $amount } of the payment of { $value_on } paid { $item } because it was the open item that fell due first.
allocation-credit-to-new-item = { $amount } of credit from the payment of { $value_on } paid { $item } when it was issued.
allocation-credit-to-reopened-item = { $amount } of credit from the payment of { $value_on } paid { $item } when it was open again.
allocation-freed-to-oldest-due = { $amount } of the payment of { $value_on }, freed from another item, paid { $item } because it was the open item that fell due first.
allocation-decided-again = { $amount } of the payment of { $value_on } paid { $item } because all facts of the day, put in the order of their value dates, say so.
allocation-other = { $amount } of the payment of { $value_on } paid { $item } by rule { $rule }.

reversal-withdrawn = { $amount } of the payment of { $value_on } was taken from { $item } again because the money was withdrawn{ $reason ->
        [none] .
       *[other] { " " }({ $reason }).
    }
reversal-invoice-reduced = { $amount } of the payment of { $value_on } was taken from { $item } again because { $reason ->
        [invoice_cancelled] the invoice was cancelled.
        [credit_note] a credit note lessened the invoice.
       *[other] the invoice was corrected to less.
    }
reversal-decided-again = { $amount } of the payment of { $value_on } was taken from { $item } again because all facts of the day, put in the order of their value dates, say otherwise.
reversal-other = { $amount } of the payment of { $value_on } was taken from { $item } again by rule { $rule }.

law = Law: { $citation }.
policy = Policy { $policy }, rule { $rule }.

considered = { $item } with { $open } open: { $why }
why-named = chosen, the payer named it
why-oldest-due = chosen, it fell due first
why-credit-waiting = chosen, credit was waiting
why-nothing-left = not reached, nothing was left
why-not-named = not reached, the payer named another invoice and nothing was left
why-taken-back = money was taken from it
why-other = { $code }

credit-held = { $amount } of the payment of { $value_on } waits as credit: no item is open for it.
waiting-open = { $open } of { $amount } is still open on { $item }.

evidence-invoice-number = invoice number “{ $reference }” stands in the payment
evidence-account-number = account number “{ $reference }” stands in the payment
evidence-payment-reference = payment reference “{ $reference }” stands in the payment
evidence-iso11649 = creditor reference “{ $reference }” (ISO 11649, check digits right) stands in the payment
evidence-virtual-account = it was paid to virtual account “{ $reference }”, which belongs to this account alone
evidence-known-payer = this payer ({ $reference }) has paid for this account before
evidence-person = a person decided it{ $reference ->
        [none] { "" }
       *[other] : { $reference }
    }
evidence-other = “{ $reference }” by rule { $rule }
strength-inferred = inferred, not exact
assigned = Assigned because { $evidence }.
