"""Technology at arm's length: the transaction engine, the bus bindings, settings, clock."""
