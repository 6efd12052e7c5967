"""One file per tab. Each has TITLE, ORDER and build(engine)."""
