"""The pool stream: members who spend their points together."""
