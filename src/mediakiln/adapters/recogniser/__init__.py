"""Recognisers: services that say what images show."""
