"""What devctl knows of bought-in products: pure functions from settings to variants, one module per product."""
