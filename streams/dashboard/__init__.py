"""What people see in the browser: topics and orders, live."""
