"""Read by decisions when no other directory is given: synthetic prescribers and assets over real Welsh places."""
