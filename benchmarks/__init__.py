"""`make bench`: the product as a whole under load, over HTTP and SMTP; docs/benchmarks.md explains the figures."""
