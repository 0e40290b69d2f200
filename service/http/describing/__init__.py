"""The API about itself: OpenAPI, AsyncAPI, and a page for each code."""
