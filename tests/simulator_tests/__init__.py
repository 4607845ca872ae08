"""The simulator's own tests: it has to be right before anything is measured against it."""
