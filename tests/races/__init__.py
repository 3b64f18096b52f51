"""The races, one by one: what the machinery adds to the tests of the domains."""
