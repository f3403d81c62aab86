"""Two pairs of eyes: what one person asks for and another decides."""
