"""Step builders, one module a domain: the glue between sources, science and publish."""
