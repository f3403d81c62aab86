"""The account stream: one member's points in one program."""
