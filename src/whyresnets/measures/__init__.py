"""What is read off a network: pure functions, one equation each, one source; nothing is left behind on the network."""
