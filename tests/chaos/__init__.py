"""Programs that ill-treat the service for longer than a test should take."""
