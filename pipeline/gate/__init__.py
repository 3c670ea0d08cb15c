"""Whether rows became worse: accuracy beyond its interval, size and speed-up beyond a tolerance."""
