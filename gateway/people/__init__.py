"""Who takes part, as the API tells it: sessions, participants and their keys, and who read whose records."""
