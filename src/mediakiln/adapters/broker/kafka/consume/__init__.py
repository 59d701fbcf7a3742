"""Reading as a member of a consumer group."""
