"""What activity is worth under a program: its rules applied, with limits, budgets and dates."""
