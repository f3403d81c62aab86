"""How a program is accounted for: settings, estimates, and periods that are closed."""
