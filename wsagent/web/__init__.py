"""HTTP on the port of a server: what stands on C{twisted.web}."""
