"""Who calls: users and their sessions, the keys of participants, and who read whose records."""
