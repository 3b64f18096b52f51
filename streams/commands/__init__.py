"""The commands of `odori`, one module each; streams/cli.py lists them."""
