"""The register of hazard points and risk zones: a transactional store that keeps every change."""
