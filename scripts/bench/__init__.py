"""The benchmark: performance figures of this machine, measured over loopback, with their targets."""
