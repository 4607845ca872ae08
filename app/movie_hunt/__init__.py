"""Movie Hunt: a library of movies, and the way of a movie from a search to its place in the library."""
