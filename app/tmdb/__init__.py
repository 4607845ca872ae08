"""TMDB: what is known of movies."""
