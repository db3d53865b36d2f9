"""Files of tables that users bring (CSV, JSON, Parquet, …): recognized, shown, and read as record batches."""
