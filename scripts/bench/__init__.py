"""The benchmark: the numbers that must hold, measured on this machine over loopback, beside their targets."""
