"""Keys that participants ask for, and the people who let them in."""
