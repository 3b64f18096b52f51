"""The books, recomputed from messages and rows by plain SQL; knows no domain's code."""
