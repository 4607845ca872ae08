"""Huntarr: goes back for what Sonarr, Radarr and their kin still lack."""

__version__ = "0.1.0"
