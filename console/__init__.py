"""The console: people at work in a browser. A web client of the public API like any other; it knows nothing else."""
