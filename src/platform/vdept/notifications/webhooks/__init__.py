"""Webhooks by the Standard Webhooks specification: endpoints of units, deliveries, dead letters."""
