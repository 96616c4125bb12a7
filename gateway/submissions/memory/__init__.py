"""What is said about premiums beyond their own records, and the journal of their money."""
