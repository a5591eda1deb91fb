__doc__ = "Tocsin: multi-tenant Web Push on AWS."
