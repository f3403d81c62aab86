"""What another version would have come to: asked, answered by workers, read, and repaired."""
