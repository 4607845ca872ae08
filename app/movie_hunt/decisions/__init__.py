"""Which releases may be grabbed, and which is the best. Pure: the standard library and the facts of releases only."""
