"""A seeded, hostile world: the real system on a virtual clock, over a store and a bus at fault."""
