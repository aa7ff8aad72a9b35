"""Sésame: tenant services for student residences. The first-party package that every function imports."""

import gc

# A cold start makes tens of thousands of objects that all stay: looking through them for garbage again and
# again costs a tenth of it. Collections still happen, less often.
gc.set_threshold(50_000, 20, 20)
