"""When it is taken back: the compensation table and the ledger's legal changes."""
