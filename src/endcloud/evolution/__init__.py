"""Stage 7: what went wrong becomes the next training set, and a better version is proven before it serves."""
