"""What each kind of command becomes; `ledger.account.decide` leads there."""
