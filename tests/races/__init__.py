"""RACES.md, line by line: what the machinery adds to the tests of the domains."""
