"""Bodies of requests and answers, written by hand so that nothing leaks by default."""
