"""The budget stream: what the rules of one program have given to all its members together."""
