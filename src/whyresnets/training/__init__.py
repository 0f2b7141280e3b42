"""From a Spec and seeds to curves and readings: initial states, descent, what is read, and ``runs``, what remains."""
