"""The evidence store: sealed documents by the digest of their bytes, in the database, on disk, or in an S3 store."""
