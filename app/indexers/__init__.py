"""Newznab and Torznab: asking indexers for releases."""
