"""The evidence bundle of one premium: from raw bytes to final amounts, to be recomputed by anybody, offline."""
