"""Prowlarr: what its indexers allow, what was asked of them, and by whom."""
