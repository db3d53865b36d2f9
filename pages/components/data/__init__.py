"""Parts of the Data page: the form that adds data, what was found in it, its classes and texts."""
