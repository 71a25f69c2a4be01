"""The mirror: it copies each new release into the cache, and is the only part of the API that reads the lake."""
