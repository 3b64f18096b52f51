"""A transaction engine that shares its tables with ScalarDB: begin, get, scan, put, insert, delete, commit."""
