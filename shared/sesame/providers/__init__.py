"""Payment providers: one module each behind one small protocol, and the registry."""
