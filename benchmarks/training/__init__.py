"""Training measured against the lesson's loop, a plain loop and Hugging Face's Trainer."""
