"""A whole Odori under load while everything of it is broken on purpose; and what became of it."""
