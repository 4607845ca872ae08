"""Names of releases: what stands in them. No other package of ours is needed to read one."""
