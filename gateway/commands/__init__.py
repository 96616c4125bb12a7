"""What the commands of the command line do; `gateway.cli` only reads their arguments."""
