"""Whole files of messages: taken in as a stream, kept, worked off line by line, answered line by line."""
