"""Tocsin: multi-tenant Web Push on AWS."""
