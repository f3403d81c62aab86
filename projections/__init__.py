"""The read side: views that follow the events, and the questions they answer."""
