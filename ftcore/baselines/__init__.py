"""Reference lines to compare fine-tuning with: majority class, TF-IDF, linear probe."""
