"""What people look for: premiums by what they know of them, impacts, messages of a day, what is held, how all runs."""
