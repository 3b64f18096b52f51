"""What waits for strangers: payment providers and others whose answers take their time."""
