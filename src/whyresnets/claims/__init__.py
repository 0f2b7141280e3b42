"""Claims as data: effects and conditions built by operators, quantities read off runs, verdicts. No torch."""
