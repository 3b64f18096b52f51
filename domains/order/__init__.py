"""Orders: placed, confirmed or cancelled; nothing is decided here that another domain owns."""
