"""Requests for image models: form, download (SSRF-safe), decoding within limits."""
