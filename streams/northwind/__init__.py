"""Northwind's year of trade as commands to Odori; the data and its licence lie in data/."""
