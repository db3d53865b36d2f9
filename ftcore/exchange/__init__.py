"""What comes in from elsewhere and what goes out: the lesson's .pth file, the plain script of a run."""
