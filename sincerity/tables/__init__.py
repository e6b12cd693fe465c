"""Reading and writing tables of posts: delimited text, JSON lines, Parquet, archives of platforms, mail."""
