"""One function a command: a request and the operator in, an outcome out; no click, no rich."""
