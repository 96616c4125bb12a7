"""How the service runs, as its operator sees it; and who takes part."""
