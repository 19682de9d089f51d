"""What the end-to-end tests, the demo and the benchmark stand on (README.md)."""
