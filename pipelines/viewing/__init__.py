"""A published dataset as a page: read from its shards, written to a file or served."""
