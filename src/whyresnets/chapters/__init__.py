"""One module a chapter: its claims as data, its arms, the effects it reads from the runs."""
