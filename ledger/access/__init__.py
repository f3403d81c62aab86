"""Who may do what: keys, users, and a record of every change to them."""
