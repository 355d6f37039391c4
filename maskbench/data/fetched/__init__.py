"""Public archives: which they are, how they are fetched, and how members are read without unpacking."""
