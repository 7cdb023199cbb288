"""geo_risk: from deformation, rain, landslide and flood layers to hazard points, risk zones and priority lists."""

__version__ = "0.1.0"
