/// Where `a2 console` begins.
