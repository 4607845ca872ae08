"""API routes that several apps share."""
