"""Time-stamps of others over the log, renewed before what they rest on weakens (RFC 3161, GB/T 20520, RFC 4998)."""
