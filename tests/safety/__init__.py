"""What a hostile or broken peer gets from a whole server; in memory."""
