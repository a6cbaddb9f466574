"""The evaluation: pictures with known content, put to a running service, marked by rules."""
