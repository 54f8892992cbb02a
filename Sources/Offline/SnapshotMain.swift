/// Where `a2 snapshot` begins.
