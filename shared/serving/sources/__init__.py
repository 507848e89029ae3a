"""One module for each event source: it parses the event and forms the response."""
