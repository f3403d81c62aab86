"""The facts: events, the deciders that allow them, and the store that keeps them."""
