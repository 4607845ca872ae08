"""Clients that strangers generate from openapi.json: made, compiled and tried (`make clients`)."""
