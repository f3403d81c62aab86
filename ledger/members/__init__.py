"""Who the members are to the outside world. The only place with personal data."""
