/// Where `a2 bench` begins.
