"""Publishing orders from the terminal: reading them, sending them, waiting for their ends."""
