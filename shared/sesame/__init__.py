"""Sésame: tenant services for student residences. The first-party package that every function imports."""
