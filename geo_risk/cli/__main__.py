"""`python -m geo_risk.cli` is the same as `geo-risk`."""

from geo_risk.cli import main

main()
