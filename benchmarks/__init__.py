"""How fast the library is and how much memory it takes, beside plain code that does the same in the same run."""
