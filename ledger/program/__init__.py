"""The program stream: what a loyalty program promises, in effective-dated versions."""
