"""HTTP: parse, authorise, call, render. No decisions."""
