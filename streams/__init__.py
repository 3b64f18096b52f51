"""How messages move: intake, handle, outbox, relay, consumer, parked, timers; wires everything."""
