"""The use cases, one module each: what webhooks, desk, imports and jobs share."""
