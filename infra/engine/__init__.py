"""A transaction engine that shares its tables with ScalarDB: begin, fetch, put, commit."""
