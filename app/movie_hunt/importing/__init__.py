"""The import of a finished download: which files, under which names, and how they come into place."""
