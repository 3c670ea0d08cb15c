"""Rows from elsewhere: experiments that Git knows, an MLflow server. Merged, each says where it came from."""
