"""What the commands of the command line do; `arguments` only reads what they are asked."""
