"""What surrounds every page: sign-in, static files, warm imports."""
