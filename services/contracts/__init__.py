"""The contracts of the shop: OpenAPI documents of its services, JSON Schemas of its events, one AsyncAPI document."""
