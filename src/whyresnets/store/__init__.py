"""Finished runs on disk: a local cache, the records that ship with the book, and where each came from."""
