"""Swaparr: finds downloads that are stuck, removes them, and asks for another search."""
