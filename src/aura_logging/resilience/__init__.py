"""Keep working when the world does not: breakers, buckets, buffers and the workers that drain them."""
