"""The command path: many callers' instructions become one durable batch."""
