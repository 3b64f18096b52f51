"""What is said between domains: commands, events, failures and refusals, one file per domain."""
