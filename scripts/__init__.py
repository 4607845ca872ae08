"""Programs for people who work on Huntarr; the Makefile's targets run them."""
