"""What is done: one folder per domain; the words that domains are written in are the files here."""
