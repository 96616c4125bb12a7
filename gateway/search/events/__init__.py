"""What happened: impacts, messages with their outcomes, and what is held and waits."""
